"""Forwarding of events to the bus of another region, with the role that the rule names for this target.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import Enforcement
from local.deployed.rules import EVENTS, Rule, Target
from local.deployed.service_calls import ServiceSession, find_refusal

logger = logging.getLogger(__name__)

SESSION_NAME = "forward"
"""The role session name that EventBridge chooses is not known."""


def may_forward(enforcement: Enforcement, rule: Rule, target: Target, event: Mapping[str, Any]) -> bool:
    """Return whether the role of a target trusts EventBridge and may put the event on the bus.

    A refusal is counted like that of any other call.
    """
    account = rule.arn.split(":")[4]
    entry = {
        "EventBusName": target.arn,
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    call = Call("events", "PutEvents", {"Entries": [entry]}, target.arn.split(":")[3], account)
    context = {"aws:SourceArn": rule.arn, "aws:SourceAccount": account}
    refusal = find_refusal(enforcement, ServiceSession(EVENTS, target.role, SESSION_NAME, context), [call])
    if refusal:
        logger.warning("%s does not forward %s: %s", rule.arn, entry["DetailType"], refusal)
    return refusal is None
