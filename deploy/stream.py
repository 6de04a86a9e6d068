"""The stream of the instances table as an event source of on_instances_stream.

Lambda repeats failed records, in smaller batches each time. Records that still fail go to the failure queue, which has
an alarm.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import json
from typing import Any

from deploy.cloudformation import get_attribute
from deploy.tables import STREAM_TABLE, get_table_id

USER_WRITE_FILTER = {"dynamodb": {"NewImage": {"user_write": {"BOOL": [True]}}}}
"""Only the writes of requests invoke the control loop. Its own writes would invoke it without end."""

BATCH_SIZE = 10
"""The most records of one invocation. Reconciling one can take seconds, and the function has one minute."""

MAX_RETRIES, MAX_AGE_SECONDS = 3, 300
"""The sweep reconciles the instances whose records Lambda has given up."""


def build_stream_properties() -> dict[str, Any]:
    """Return the properties of the event source, in SAM's form."""
    return {
        "Stream": get_attribute(get_table_id(STREAM_TABLE), "StreamArn"),
        "BatchSize": BATCH_SIZE,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": MAX_RETRIES,
        "MaximumRecordAgeInSeconds": MAX_AGE_SECONDS,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": get_attribute("FailureQueue", "Arn")}},
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(USER_WRITE_FILTER)}]},
    }
