"""Event source mapping of a deployed stack: which records of a table's stream invoke which function, and how.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import EventPattern

from local.aws.core.delivery import StreamImage
from local.deployed.errors import FunctionFailed

logger = logging.getLogger(__name__)

Invoke = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class StreamMapping:
    """An enabled event source mapping.

    :param patterns: a record that matches one of them is delivered; empty: all records are
    :param max_retries: calls after the first one, for records that fail
    :param bisects: a batch that fails as a whole is divided
    :param has_partial_failures: the function names the records that failed
    :param failure_queue: ARN of the queue for records that were given up; empty: there is none
    """

    table: str
    function_arn: str
    batch_size: int
    patterns: tuple[EventPattern, ...]
    max_retries: int
    bisects: bool
    has_partial_failures: bool
    failure_queue: str

    def matches(self, _: StreamImage | None, new: StreamImage | None) -> bool:
        """Return whether the mapping delivers a record."""
        record: Any = {"dynamodb": {"NewImage": new or {}}}
        return not self.patterns or any(pattern.matches_event(record) for pattern in self.patterns)


def read_mappings(region: str) -> list[StreamMapping]:
    """Return the enabled mappings of DynamoDB's streams in a region."""
    pages = boto3.client("lambda", region).get_paginator("list_event_source_mappings").paginate()
    return [
        StreamMapping(
            table=each["EventSourceArn"].split("/")[1],
            function_arn=each["FunctionArn"],
            batch_size=each["BatchSize"],
            patterns=tuple(_read_patterns(each)),
            max_retries=each["MaximumRetryAttempts"],
            bisects=each.get("BisectBatchOnFunctionError", False),
            has_partial_failures="ReportBatchItemFailures" in each.get("FunctionResponseTypes", ()),
            failure_queue=each.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""),
        )
        for page in pages
        for each in page["EventSourceMappings"]
        if each["State"] == "Enabled"
    ]


def _read_patterns(mapping: Mapping[str, Any]) -> list[EventPattern]:
    return [EventPattern.load(each["Pattern"]) for each in mapping.get("FilterCriteria", {}).get("Filters", ())]


def switch_off_delivery_of_moto(account: str, region: str, mappings: Sequence[StreamMapping]) -> None:
    """Keep moto from delivering records itself: it would run the function in Docker, inside the write."""
    for mapping in mappings:
        dynamodb_backends[account][region].tables[mapping.table].lambda_event_source_mappings.clear()


def deliver_records(mapping: StreamMapping, records: Sequence[Mapping[str, Any]], invoke: Invoke) -> list[Any]:
    """Invoke the function with each batch, and again with the records that failed.

    :returns: the records that were given up
    """
    given_up: list[Any] = []
    for start in range(0, len(records), mapping.batch_size):
        given_up += _deliver(mapping, records[start : start + mapping.batch_size], invoke, mapping.max_retries)
    return given_up


def _deliver(mapping: StreamMapping, batch: Sequence[Any], invoke: Invoke, retries: int) -> list[Any]:
    """Deliver a batch, or two halves of it if it fails as a whole: a bisection is no retry."""
    try:
        answer = invoke({"Records": list(batch)})
    except FunctionFailed:
        logger.exception("%d records of %s failed.", len(batch), mapping.table)
        if mapping.bisects and len(batch) > 1:
            middle = len(batch) // 2
            return [
                record
                for half in (batch[:middle], batch[middle:])
                for record in _deliver(mapping, half, invoke, retries)
            ]
        failed = list(batch)
    else:
        failed = _find_failed(mapping, batch, answer)
    if not failed or retries == 0:
        return failed
    return _deliver(mapping, failed, invoke, retries - 1)


def _find_failed(mapping: StreamMapping, batch: Sequence[Any], answer: Any) -> list[Any]:
    """Return all records from the first one on that the function names."""
    failures = (answer or {}).get("batchItemFailures", ()) if mapping.has_partial_failures else ()
    named = {failure["itemIdentifier"] for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    first = min((numbers.index(number) for number in named if number in numbers), default=None)
    return [] if first is None else list(batch[first:])
