"""The stacks of a stage on the local cloud's CloudFormation: complete, with what services need, and deleted completely.

CloudFormation of moto and three stacks take some seconds, once for all tests of the file.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from chalicelib.events import COMMAND_CHANGE, EC2_STATE_CHANGE
from deploy.functions import FUNCTIONS
from deploy.home import build_home_template
from deploy.names import ResourceNames
from deploy.region import build_region_template
from deploy.stream import MAX_AGE_SECONDS
from local.aws.cloudformation import extension
from local.aws.core.events import EventOrigin
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.aws.iam.evaluator import IamRequest, Policies, decide
from local.aws.iam.patterns import Context
from local.aws.iam.policies import parse_policy_text
from local.aws.iam.principals import Principal
from local.aws.iam.stored_policies import to_text
from local.deployed.deployment import create_credentials
from local.deployed.failure_queue import send_failure
from local.deployed.forwarding import may_forward
from local.deployed.function import Host
from local.deployed.functions import list_functions
from local.deployed.log_permission import may_write_log
from local.deployed.rules import find_targets, read_rules
from local.deployed.stacks import deploy_stacks
from local.deployed.stream import read_mappings
from local.deployed.stream_permission import StreamPermission
from local.settings import ACCOUNT
from tests.deploy.stacks import HOME, OTHER_REGION, build_settings, create_client, list_left, list_stack_resources


@dataclass(frozen=True)
class Stage:
    """A deployed stage.

    :param outputs: those of its home stack
    """

    names: ResourceNames
    outputs: Mapping[str, str]


@pytest.fixture(scope="module")
def zip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "")
    path = tmp_path_factory.mktemp("zip") / "deployment.zip"
    path.write_bytes(content.getvalue())
    return path


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with in_process_cloud() as cloud:
        cloud.add_extension(extension)
        yield cloud


@pytest.fixture(scope="module")
def stages(cloud: LocalCloud, zip_file: Path) -> Mapping[str, Stage]:
    """Two stages in one account and region, in the order in which they are deployed."""
    found = {}
    for stage in ("dev", "prod"):
        settings = build_settings(stage)
        names = ResourceNames(settings, partition="aws", account=ACCOUNT)
        found[stage] = Stage(names, deploy_stacks(settings, zip_file))
    return found


@pytest.fixture(scope="module")
def names(stages: Mapping[str, Stage]) -> ResourceNames:
    return stages["dev"].names


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_stacks_have_all_resources_of_their_templates(stages: Mapping[str, Stage], stage: str) -> None:
    settings = build_settings(stage)
    home = {each["LogicalResourceId"] for each in list_stack_resources(f"gpudesk-{stage}", HOME)}
    assert home == set(build_home_template(settings)["Resources"])
    outside_home = {each["LogicalResourceId"] for each in list_stack_resources(f"gpudesk-{stage}-region", OTHER_REGION)}
    assert outside_home == set(build_region_template(settings)["Resources"])
    at_home = {each["LogicalResourceId"] for each in list_stack_resources(f"gpudesk-{stage}-region", HOME)}
    assert outside_home - at_home >= {"ForwardRole"}


def is_allowed(policy: str, service: str, action: str, resource: str, context: Context) -> bool:
    """Return whether the policy of a resource lets a service of AWS do something."""
    request = IamRequest(action, resource, context, Principal(service=service))
    return decide(Policies(resource=parse_policy_text(policy)), request).is_allowed


def test_only_the_rules_of_a_function_may_invoke_it(names: ResourceNames) -> None:
    events, functions = create_client("events"), create_client("lambda")
    rules = [each for each in events.list_rules()["Rules"] if each["Name"].startswith(names.prefix)]
    assert rules
    for rule in rules:
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            policy = functions.get_policy(FunctionName=target["Arn"])["Policy"]
            for source, expected in ((rule["Arn"], True), (f"{rule['Arn']}-other", False)):
                context = {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT}
                invoke = "events.amazonaws.com", "lambda:InvokeFunction", target["Arn"], context
                assert is_allowed(policy, *invoke) is expected, rule["Name"]


@pytest.mark.parametrize("function", ["api", "sessions"])
def test_only_the_api_of_the_stage_may_invoke_its_functions(stages: Mapping[str, Stage], function: str) -> None:
    dev, prod = stages["dev"], stages["prod"]
    arn = dev.names.home_arn("lambda", f"function:{dev.names.function(function)}")
    policy = create_client("lambda").get_policy(FunctionName=arn)["Policy"]
    for stage in (dev, prod):
        source = dev.names.home_arn("execute-api", f"{stage.outputs['RestAPIId']}/api/POST/instances/x/sessions")
        context = {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT}
        invoke = "apigateway.amazonaws.com", "lambda:InvokeFunction", arn, context
        assert is_allowed(policy, *invoke) is (stage is dev)


def test_alarms_of_this_account_may_mail(names: ResourceNames) -> None:
    topic = names.topic_arn("alarms")
    policy = create_client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    alarms = [
        alarm
        for page in create_client("cloudwatch").get_paginator("describe_alarms").paginate()
        for alarm in page["MetricAlarms"]
        if alarm["AlarmName"].startswith(names.prefix)
    ]
    assert alarms
    for alarm in alarms:
        assert alarm["AlarmActions"] == [topic]
        for account in (ACCOUNT, "999999999999"):
            context = {"aws:SourceArn": alarm["AlarmArn"].replace(ACCOUNT, account), "aws:SourceAccount": account}
            publish = "cloudwatch.amazonaws.com", "sns:Publish", topic, context
            assert is_allowed(policy, *publish) is (account == ACCOUNT)


def test_forwarded_events_reach_only_the_bus_of_the_home_region(names: ResourceNames) -> None:
    events, iam = create_client("events", OTHER_REGION), create_client("iam")
    rules = [each for each in events.list_rules()["Rules"] if each["Name"].startswith(names.prefix)]
    assert rules
    for rule in rules:
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert target["Arn"] == names.home_arn("events", "event-bus/default")
        role = iam.get_role(RoleName=target["RoleArn"].rpartition("/")[2])["Role"]
        trust = to_text(role["AssumeRolePolicyDocument"])
        assert is_allowed(trust, "events.amazonaws.com", "sts:AssumeRole", role["Arn"], {})
        assert not is_allowed(trust, "lambda.amazonaws.com", "sts:AssumeRole", role["Arn"], {})
        for bus, expected in ((target["Arn"], True), (f"{target['Arn']}-other", False)):
            assert can_role_do(role["RoleName"], "events:PutEvents", bus) is expected


@pytest.mark.parametrize(
    ("source", "detail_type", "function"),
    [
        ("aws.ec2", EC2_STATE_CHANGE, "on_ec2_state_change"),
        ("aws.ssm", COMMAND_CHANGE, "on_ssm_command_change"),
    ],
)
def test_event_of_another_region_reaches_the_function_of_its_stage(
    names: ResourceNames, cloud: LocalCloud, source: str, detail_type: str, function: str
) -> None:
    rules = [rule for rule in read_rules([HOME, OTHER_REGION]) if f"rule/{names.prefix}-" in rule.arn]
    event = EventOrigin(cloud.clock.now(), ACCOUNT, OTHER_REGION).build_event(source, detail_type, [], {})
    targets = list(find_targets(rules, event, partial(may_forward, cloud.enforcement)))
    assert targets == [names.home_arn("lambda", f"function:{names.function(function)}")]
    assert cloud.enforcement.denials == []


def test_role_of_the_stream_function_lets_lambda_read_the_stream(names: ResourceNames, cloud: LocalCloud) -> None:
    (mapping,) = [mapping for mapping in read_mappings(HOME) if f":{names.prefix}-" in mapping.function_arn]
    assert mapping.max_age == timedelta(seconds=MAX_AGE_SECONDS)
    role = create_client("lambda").get_function_configuration(FunctionName=mapping.function_arn)["Role"]
    assert StreamPermission(cloud.enforcement, mapping, role, cloud.clock.now).may_read()
    assert cloud.enforcement.denials == []


def test_roles_of_the_functions_let_lambda_write_their_logs(
    names: ResourceNames, cloud: LocalCloud, zip_file: Path
) -> None:
    digest = hashlib.sha256(zip_file.read_bytes()).hexdigest()
    host = Host(python=zip_file, code=zip_file, environment={}, logs=zip_file)
    functions = list_functions(HOME, digest, host, partial(create_credentials, cloud))
    specs = [each.spec for each in functions.values() if each.spec.name.startswith(f"{names.prefix}-")]
    assert len(specs) == len(FUNCTIONS)
    for spec in specs:
        assert may_write_log(cloud.enforcement, spec)
        assert not may_write_log(cloud.enforcement, replace(spec, log_group="/of/others"))
    assert len(cloud.enforcement.denials) == len(specs)
    cloud.enforcement.denials.clear()


def can_role_do(role: str, action: str, resource: str) -> bool:
    """Return whether the inline policies of a role allow an action."""
    iam = create_client("iam")
    documents = [
        to_text(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    return decide(Policies([parse_policy_text(text) for text in documents]), IamRequest(action, resource)).is_allowed


def test_functions_that_report_failures_may_write_to_the_queue(names: ResourceNames) -> None:
    functions = create_client("lambda")
    reporting = {
        mapping["FunctionArn"].rpartition(":")[2]: mapping["DestinationConfig"]["OnFailure"]["Destination"]
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]
        if names.prefix in mapping["FunctionArn"]
    }
    for function in functions.list_functions()["Functions"]:
        if function["FunctionName"].startswith(names.prefix):
            configs = functions.list_function_event_invoke_configs(FunctionName=function["FunctionName"])
            for config in configs["FunctionEventInvokeConfigs"]:
                if destination := config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
                    reporting[function["FunctionName"]] = destination
    assert reporting
    sqs = create_client("sqs")
    url = sqs.get_queue_url(QueueName=names.queue_arn("failures").rpartition(":")[2])["QueueUrl"]
    for name, queue in reporting.items():
        role = functions.get_function_configuration(FunctionName=name)["Role"]
        assert queue == names.queue_arn("failures")
        send_failure(queue, role, {"function": name})
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert json.loads(message["Body"]) == {"function": name}
        assert not can_role_do(role.rpartition("/")[2], "sqs:SendMessage", f"{queue}-other")


def test_deleted_stacks_leave_only_tables_and_instance_role_of_prod(stages: Mapping[str, Stage]) -> None:
    """It must be the last test of the file, because the others need the stacks."""
    tables = set(create_client("dynamodb").list_tables()["TableNames"])
    for stage in stages:
        for region in (HOME, OTHER_REGION):
            create_client("cloudformation", region).delete_stack(StackName=f"gpudesk-{stage}-region")
        create_client("cloudformation").delete_stack(StackName=f"gpudesk-{stage}")
    assert set(create_client("dynamodb").list_tables()["TableNames"]) == {
        table for table in tables if table.startswith("gpudesk-prod-")
    }
    left = {name: found for name, found in list_left().items() if found}
    assert {name: len(found) for name, found in left.items()} == {"roles": 1, "profiles": 1}
    assert all("gpudesk-prod-instance" in found for (found,) in left.values())
