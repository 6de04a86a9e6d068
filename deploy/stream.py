"""The stream of the instances table as an event source of on_instances_stream.

Failed records are tried again, alone in the end; what fails for minutes goes to the failure queue, which has an alarm.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import json
from typing import Any

from deploy.cloudformation import get_attribute
from deploy.tables import STREAM_TABLE, get_logical_id

USER_WRITE_FILTER = {"dynamodb": {"NewImage": {"user_write": {"BOOL": [True]}}}}
"""Only writes of people's requests invoke the control loop; its own writes would invoke it forever."""

BATCH_SIZE = 10
"""Records of one call. A reconcile can take seconds, and the function has one minute."""

MAX_RETRIES, MAX_AGE_SECONDS = 3, 300
"""The sweep reconciles a record that was given up."""


def build_stream_properties() -> dict[str, Any]:
    """Return the properties of the event source, in SAM's form."""
    return {
        "Stream": get_attribute(get_logical_id(STREAM_TABLE), "StreamArn"),
        "BatchSize": BATCH_SIZE,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": MAX_RETRIES,
        "MaximumRecordAgeInSeconds": MAX_AGE_SECONDS,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": get_attribute("FailureQueue", "Arn")}},
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(USER_WRITE_FILTER)}]},
    }
