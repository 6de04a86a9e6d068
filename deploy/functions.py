"""Lambda functions of the home stack: their roles, limits, logs and environment.

The limits fit each other: the calls of a request end before its function, and its function before API Gateway; a sweep
begins no work that could end after its function (`chalicelib/control/loop/function_budget.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.tags import STAGE_TAG
from chalicelib.control.loop.function_budget import FUNCTION_SECONDS
from deploy.cloudformation import (
    Resource,
    build_resource,
    build_retention,
    get_attribute,
    ref,
    to_expressions,
    to_logical_id,
)
from deploy.lambda_runtime import ARCHITECTURE, RUNTIME
from deploy.names import ResourceNames
from deploy.networks import join_networks

API_SECONDS, SESSION_SECONDS = 10, 15
"""API Gateway waits for 29 seconds. Opening a session makes several calls of EC2, STS and SSM; other requests use
DynamoDB and at most one parameter. https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

REFRESH_SECONDS = 300
"""Enough for 30 regions, if each answers in some seconds. What is left over goes first 5 minutes later."""

EVENT_AGE_SECONDS = 180
"""The age after which Lambda no longer delivers an event.

Lambda waits one minute before the first retry, so one retry needs the wait, the time limit of the first attempt and
some time in the queue. Older events are of no use, because the sweep reconciles all instances every minute.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """The properties of a function that chalice does not know.

    :param name: the name of its handler in `app.py`, or the name of the API or the sessions function
    :param role: the key of its role
    :param retries: attempts of Lambda after a failed event; None: it is not called with events
    :param reports_failures: whether Lambda sends events that failed to the failure queue
    """

    name: str
    role: str
    memory_mib: int
    timeout_seconds: int
    retries: int | None = None
    reports_failures: bool = False


def _build_loop_function(
    name: str, role: str, retries: int | None, *, reports_failures: bool = False
) -> FunctionSettings:
    return FunctionSettings(
        name=name,
        role=role,
        memory_mib=512,
        timeout_seconds=int(FUNCTION_SECONDS),
        retries=retries,
        reports_failures=reports_failures,
    )


FUNCTIONS: Mapping[str, FunctionSettings] = {
    each.name: each
    for each in (
        FunctionSettings(name="api", role="api", memory_mib=1024, timeout_seconds=API_SECONDS),
        FunctionSettings(name="sessions", role="sessions", memory_mib=1024, timeout_seconds=SESSION_SECONDS),
        # A failed event of a schedule is not repeated, because the schedule soon sends the next one.
        _build_loop_function("sweep", "control", 0),
        _build_loop_function("check_sweep_health", "control", 0),
        _build_loop_function("deliver_notifications", "notifications", 0),
        # It makes some calls in each region, one after the other.
        FunctionSettings(
            name="refresh_offers", role="offers", memory_mib=512, timeout_seconds=REFRESH_SECONDS, retries=0
        ),
        _build_loop_function("check_budgets", "budgets", 0),
        _build_loop_function("follow_quota_requests", "quotas", 0),
        # It makes some calls in each region of the account. It is repeated, because the next event comes a day later.
        FunctionSettings(
            name="list_foreign_instances", role="foreign", memory_mib=512, timeout_seconds=REFRESH_SECONDS, retries=1
        ),
        _build_loop_function("tag_for_adoption", "adoption", 0),
        # It calls the Price List once for each type.
        FunctionSettings(
            name="refresh_catalog", role="catalog", memory_mib=512, timeout_seconds=REFRESH_SECONDS, retries=0
        ),
        _build_loop_function("on_ec2_state_change", "control", 1, reports_failures=True),
        _build_loop_function("on_ssm_command_change", "control", 1, reports_failures=True),
        _build_loop_function("on_spot_interruption", "control", 1, reports_failures=True),
        _build_loop_function("on_instances_stream", "control", None),
    )
}
"""All functions, by name."""


def list_functions(role: str) -> list[str]:
    """Return the names of the functions with a role, sorted."""
    return sorted(function.name for function in FUNCTIONS.values() if function.role == role)


def get_function_id(function: str) -> str:
    """Return the logical id of a function. Chalice chooses that of the API function."""
    return {"api": "APIHandler", "sessions": "SessionsHandler"}.get(function, to_logical_id(function))


def get_role_id(role: str) -> str:
    """Return the logical id of a role."""
    return f"{role.capitalize()}Role"


def build_function_properties(function: FunctionSettings, names: ResourceNames) -> dict[str, Any]:
    """Return the properties of a function, in SAM's form."""
    properties: dict[str, Any] = {
        "FunctionName": names.function(function.name),
        "Runtime": RUNTIME,
        "Architectures": [ARCHITECTURE],
        "CodeUri": {"Bucket": ref("ArtifactBucket"), "Key": ref("ArtifactKey")},
        "Role": get_attribute(get_role_id(function.role), "Arn"),
        "MemorySize": function.memory_mib,
        "Timeout": function.timeout_seconds,
        "Environment": {"Variables": build_environment(names)},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": ref(f"{get_function_id(function.name)}Logs")},
        "Tags": {STAGE_TAG: names.settings.stage},
    }
    if function.retries is not None:
        properties["EventInvokeConfig"] = {
            "MaximumEventAgeInSeconds": EVENT_AGE_SECONDS,
            "MaximumRetryAttempts": function.retries,
        }
    if function.reports_failures:
        destination = {"Type": "SQS", "Destination": get_attribute("FailureQueue", "Arn")}
        properties["EventInvokeConfig"]["DestinationConfig"] = {"OnFailure": destination}
    expressions: dict[str, Any] = to_expressions(properties)
    return expressions


def build_environment(names: ResourceNames) -> dict[str, Any]:
    """Return the variables that `chalicelib/settings.py` reads. Lambda sets AWS_REGION."""
    return {
        "GPUDESK_STAGE": names.settings.stage,
        "GPUDESK_TABLE_PREFIX": names.prefix,
        "GPUDESK_INSTANCE_PROFILE": ref("InstanceProfile"),
        "GPUDESK_INSTANCE_ROLE_ID": get_attribute(get_role_id("instance"), "RoleId"),
        "GPUDESK_SESSION_ROLE_ARN": get_attribute(get_role_id("session"), "Arn"),
        "GPUDESK_SECURITY_GROUP": names.security_group,
        "GPUDESK_REGIONS": ",".join(names.settings.regions),
        "GPUDESK_NETWORKS": join_networks(names.settings),
        "GPUDESK_EMAIL_TOPIC_ARN": ref("NotificationTopic"),
        "GPUDESK_WEBHOOK_KEY": names.webhook_key,
    }


def build_log_groups(names: ResourceNames) -> dict[str, Resource]:
    """Return the log groups of all functions by logical id."""
    retention = names.settings.log_retention_days
    return {
        f"{get_function_id(function)}Logs": build_resource(
            "AWS::Logs::LogGroup",
            {"LogGroupName": names.function_log_group(function), "RetentionInDays": retention},
            **build_retention(is_kept=False),
        )
        for function in FUNCTIONS
    }
