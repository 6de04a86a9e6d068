"""Failure queue of a deployed stack: Lambda sends there what it has given up."""

import json
from collections.abc import Mapping
from typing import Any

import boto3


def send_failure(queue_arn: str, failure: Mapping[str, Any]) -> None:
    """Send what was given up to a queue.

    :param queue_arn: empty: there is no queue
    """
    if queue_arn:
        _, _, _, region, _, name = queue_arn.split(":")
        sqs = boto3.client("sqs", region)
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=json.dumps(failure))
