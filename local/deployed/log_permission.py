"""Permission of a function to write its log: Lambda writes it with the role of the function.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

import logging

from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import Enforcement
from local.deployed.function import LOG_STREAM, FunctionSpec
from local.deployed.service_calls import LAMBDA, ServiceSession, find_refusal

logger = logging.getLogger(__name__)


def may_write_log(enforcement: Enforcement, spec: FunctionSpec) -> bool:
    """Return whether the role of a function allows what Lambda calls for its log. A refusal is counted.

    The log itself is a file, which is written anyway.
    """
    _, partition, _, region, account, _ = spec.arn.split(":", 5)
    parameters = {"logGroupName": spec.log_group_name, "logStreamName": LOG_STREAM}
    calls = [
        Call("logs", operation, parameters, region, account, partition)
        for operation in ("CreateLogStream", "PutLogEvents")
    ]
    refusal = find_refusal(enforcement, ServiceSession(LAMBDA, spec.role, spec.name), calls)
    if refusal:
        logger.warning("On AWS, %s would have no log: %s", spec.name, refusal)
    return refusal is None
