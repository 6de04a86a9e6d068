"""Failure queue of a deployed stack: Lambda sends there what it has given up, with the role of the function."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local.aws.iam.attribution import FunctionRole, act_as

logger = logging.getLogger(__name__)


def send_failure(queue_arn: str, role_arn: str, failure: Mapping[str, Any]) -> None:
    """Send what was given up to a queue. It is lost if the role of the function may not send it.

    :param queue_arn: empty: there is no queue
    """
    if not queue_arn:
        return
    _, _, _, region, _, name = queue_arn.split(":")
    sqs = boto3.client("sqs", region)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    try:
        with act_as(FunctionRole(role_arn.rpartition("/")[2])):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(failure))
    except ClientError:
        logger.exception("A failure was not sent to %s.", name)
