"""Event source mapping of a deployed stack: which records of a table's stream invoke which function, and how.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import EventPattern

from local.aws.core.delivery import StreamImage

UNLIMITED = -1


@dataclass(frozen=True)
class StreamMapping:
    """An enabled event source mapping.

    :param stream: ARN of the stream
    :param patterns: a record that matches one of them is delivered; empty: all records are
    :param max_retries: calls after the first one, for records that fail
    :param max_age: the greatest age of a record that is tried again; None: no limit
    :param bisects: a batch that fails as a whole is divided
    :param has_partial_failures: the function names the records that failed
    :param failure_queue: ARN of the queue for records that were given up; empty: there is none
    """

    stream: str
    function_arn: str
    batch_size: int
    patterns: tuple[EventPattern, ...]
    max_retries: int
    max_age: timedelta | None
    bisects: bool
    has_partial_failures: bool
    failure_queue: str

    @property
    def table(self) -> str:
        """Return the name of the table."""
        return self.stream.split("/")[1]

    def matches(self, _: StreamImage | None, new: StreamImage | None) -> bool:
        """Return whether the mapping delivers a record."""
        record: Any = {"dynamodb": {"NewImage": new or {}}}
        return not self.patterns or any(pattern.matches_event(record) for pattern in self.patterns)


def read_mappings(region: str) -> list[StreamMapping]:
    """Return the enabled mappings of DynamoDB's streams in a region."""
    pages = boto3.client("lambda", region).get_paginator("list_event_source_mappings").paginate()
    return [
        StreamMapping(
            stream=each["EventSourceArn"],
            function_arn=each["FunctionArn"],
            batch_size=each["BatchSize"],
            patterns=tuple(_read_patterns(each)),
            max_retries=each["MaximumRetryAttempts"],
            max_age=_read_max_age(each),
            bisects=each.get("BisectBatchOnFunctionError", False),
            has_partial_failures="ReportBatchItemFailures" in each.get("FunctionResponseTypes", ()),
            failure_queue=each.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""),
        )
        for page in pages
        for each in page["EventSourceMappings"]
        if each["State"] == "Enabled"
    ]


def _read_max_age(mapping: Mapping[str, Any]) -> timedelta | None:
    seconds = int(mapping.get("MaximumRecordAgeInSeconds", UNLIMITED))
    return None if seconds == UNLIMITED else timedelta(seconds=seconds)


def _read_patterns(mapping: Mapping[str, Any]) -> list[EventPattern]:
    return [EventPattern.load(each["Pattern"]) for each in mapping.get("FilterCriteria", {}).get("Filters", ())]


def switch_off_delivery_of_moto(account: str, region: str, mappings: Sequence[StreamMapping]) -> None:
    """Keep moto from delivering records itself: it would run the function in Docker, inside the write."""
    for mapping in mappings:
        dynamodb_backends[account][region].tables[mapping.table].lambda_event_source_mappings.clear()
