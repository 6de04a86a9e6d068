"""Settings and contents of deployed stacks, for tests."""

import json
from typing import Any

import boto3

from deploy.settings import DeploymentSettings, RegionSettings

HOME, OTHER_REGION = "us-east-1", "us-west-2"
GROUPS_OF_AWS = {"default"}


def build_settings(stage: str) -> DeploymentSettings:
    regions = {HOME: RegionSettings(), OTHER_REGION: RegionSettings()}
    return DeploymentSettings(stage=stage, home_region=HOME, region_settings=regions, alarm_email="ops@example.com")


def create_client(service: Any, region: str = HOME) -> Any:
    return boto3.client(service, region)


def list_stack_resources(stack: str, region: str) -> list[dict[str, Any]]:
    resources = create_client("cloudformation", region).describe_stack_resources(StackName=stack)["StackResources"]
    # moto lists a resource whose condition is false without its name.
    return [each for each in resources if "LogicalResourceId" in each]


def list_left() -> dict[str, list[str]]:
    """Return the resources of the account besides tables, by kind, each as the beginning of its JSON."""
    iam = create_client("iam")
    owner = [{"Key": "Owner", "Values": ["Self"]}]
    left: dict[str, list[Any]] = {
        "roles": iam.list_roles()["Roles"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "profiles": iam.list_instance_profiles()["InstanceProfiles"],
    }
    for region in (HOME, OTHER_REGION):
        left |= {
            f"functions {region}": create_client("lambda", region).list_functions()["Functions"],
            f"mappings {region}": create_client("lambda", region).list_event_source_mappings()["EventSourceMappings"],
            f"rules {region}": create_client("events", region).list_rules()["Rules"],
            f"groups {region}": create_client("logs", region).describe_log_groups()["logGroups"],
            f"alarms {region}": create_client("cloudwatch", region).describe_alarms()["MetricAlarms"],
            f"queues {region}": create_client("sqs", region).list_queues().get("QueueUrls", []),
            f"topics {region}": create_client("sns", region).list_topics()["Topics"],
            f"subscriptions {region}": create_client("sns", region).list_subscriptions()["Subscriptions"],
            f"apis {region}": create_client("apigateway", region).get_rest_apis()["items"],
            f"documents {region}": create_client("ssm", region).list_documents(Filters=owner)["DocumentIdentifiers"],
            f"security groups {region}": [
                each
                for each in create_client("ec2", region).describe_security_groups()["SecurityGroups"]
                if each["GroupName"] not in GROUPS_OF_AWS
            ],
        }
    return {name: [json.dumps(each, default=str)[:80] for each in found] for name, found in left.items()}
