"""The home stack: functions, API, tables, roles, topics, the failure queue and alarms, in the home region."""

from typing import Any

from deploy.alarms import build_alarms
from deploy.api import complete_api
from deploy.chalice_resources import generate_sam_template
from deploy.cloudformation import Resource, Template, build_resource, build_retention, get_attribute, ref
from deploy.functions import FUNCTIONS, build_function_properties, build_log_groups, get_function_id, get_role_id
from deploy.names import ResourceNames
from deploy.roles import build_roles
from deploy.settings import DeploymentSettings
from deploy.stream import build_stream_properties
from deploy.tables import build_tables
from deploy.transform import transform

PARAMETERS = {
    "ArtifactBucket": {"Type": "String", "Description": "S3 bucket with the zip. It is not part of the stack."},
    "ArtifactKey": {"Type": "String", "Description": "Key of the zip in the bucket."},
}

QUEUE_RETENTION_SECONDS = 14 * 24 * 3600
"""The longest that SQS allows.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""


class UnknownFunction(ValueError):
    """The functions of app.py and those of `deploy/functions.py` differ."""


def build_home_template(settings: DeploymentSettings) -> Template:
    """Return the template of the home stack as plain CloudFormation.

    The parameters ArtifactBucket and ArtifactKey say where the zip is.

    :raises UnknownFunction: app.py and `deploy/functions.py` have different functions
    """
    names = ResourceNames(settings)
    template = transform(_build_sam_template(names), settings.home_region)
    template["Description"] = f"gpudesk, stage {settings.stage}: functions, tables and alarms"
    template["Resources"] |= build_data_resources(names) | build_log_groups(names) | build_alarms(names)
    template["Outputs"] |= _build_outputs()
    return template


def build_data_resources(names: ResourceNames) -> dict[str, Resource]:
    """Return what the code uses: tables, roles, topic and queue. The local cloud creates the same resources."""
    return {**build_tables(names), **build_roles(names), **_build_messaging(names)}


def _build_sam_template(names: ResourceNames) -> Template:
    """Return chalice's template with the properties that chalice does not know."""
    template = generate_sam_template(names.settings.stage)
    resources: dict[str, Any] = template["Resources"]
    resources[get_function_id("sessions")] = {
        "Type": "AWS::Serverless::Function",
        "Properties": dict(resources[get_function_id("api")]["Properties"]),
    }
    found = {name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}
    expected = {get_function_id(function) for function in FUNCTIONS}
    if found != expected:
        differences = ", ".join(sorted(found ^ expected))
        raise UnknownFunction(f"app.py and deploy/functions.py differ: {differences}. Add each function to both.")
    for function in FUNCTIONS.values():
        resources[get_function_id(function.name)]["Properties"] |= build_function_properties(function, names)
    events = resources[get_function_id("on_instances_stream")]["Properties"]["Events"]
    for event in events.values():
        event["Properties"] |= build_stream_properties()
    complete_api(template, names)
    template["Parameters"] = PARAMETERS
    return template


def _build_messaging(names: ResourceNames) -> dict[str, Resource]:
    return {
        "NotificationTopic": build_resource("AWS::SNS::Topic", {"TopicName": names.topic("notifications")}),
        "FailureQueue": build_resource(
            "AWS::SQS::Queue",
            {
                "QueueName": f"{names.prefix}-failures",
                "MessageRetentionPeriod": QUEUE_RETENTION_SECONDS,
                "SqsManagedSseEnabled": True,
            },
            **build_retention(is_kept=False),
        ),
    }


def _build_outputs() -> dict[str, Any]:
    """Return what people and the next steps of a deployment need."""
    return {
        "InstanceRoleId": {"Value": get_attribute(get_role_id("instance"), "RoleId")},
        "SessionRoleArn": {"Value": get_attribute(get_role_id("session"), "Arn")},
        "PeoplePolicyArn": {"Value": ref("PeoplePolicy")},
        "NotificationTopicArn": {"Value": ref("NotificationTopic")},
        "AlarmTopicArn": {"Value": ref("AlarmTopic")},
        "FailureQueueUrl": {"Value": ref("FailureQueue")},
    }
