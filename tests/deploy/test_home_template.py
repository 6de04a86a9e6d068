"""Resources of the home stack, except the API."""

import json
from typing import Any, cast

import pytest

from chalicelib.api import openapi
from chalicelib.control.loop.function_budget import FUNCTION_SECONDS
from chalicelib.store.tables import TABLES
from deploy.cloudformation import Template
from deploy.functions import API_SECONDS, EVENT_AGE_SECONDS, FUNCTIONS, SESSION_SECONDS
from deploy.home import UnknownFunction, build_home_template
from local.settings import read_local_settings
from tests.deploy.templates import build_home, build_settings, list_properties

API_GATEWAY_SECONDS = 29
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

LAMBDA_SECONDS = 900
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@pytest.fixture
def home() -> Template:
    return build_home()


def test_zip_is_a_parameter(home: Template) -> None:
    assert set(home["Parameters"]) == {"ArtifactBucket", "ArtifactKey"}
    for function in list_properties(home, "Lambda::Function").values():
        assert function["Code"] == {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": {"Ref": "ArtifactKey"}}
    assert "Transform" not in home
    assert not list_properties(home, "S3::Bucket")


def test_each_table_of_the_code_is_kept_and_recoverable(home: Template) -> None:
    tables = {name: each for name, each in home["Resources"].items() if each["Type"] == "AWS::DynamoDB::Table"}
    assert len(tables) == len(TABLES)
    for name, table in tables.items():
        properties = table["Properties"]
        assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name
        assert properties["DeletionProtectionEnabled"]
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        for keys in (properties, *properties.get("GlobalSecondaryIndexes", ())):
            assert [key["KeyType"] for key in keys["KeySchema"]] in (["HASH"], ["HASH", "RANGE"])
    expiring = {name for name, table in tables.items() if "TimeToLiveSpecification" in table["Properties"]}
    assert set(tables) - expiring == {"OwnersTable"}
    attributes = [tables[name]["Properties"]["TimeToLiveSpecification"]["AttributeName"] for name in expiring]
    assert set(attributes) == {"expires_at"}


def test_role_in_the_keys_of_heartbeats_outlives_its_stack(home: Template) -> None:
    for resource in ("InstanceRole", "InstanceProfile"):
        assert home["Resources"][resource]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert build_home("dev")["Resources"]["InstanceRole"]["DeletionPolicy"] == "Delete"


def test_tables_of_dev_end_with_their_stack() -> None:
    home = build_home("dev")
    for table in home["Resources"].values():
        if table["Type"] == "AWS::DynamoDB::Table":
            assert (table["DeletionPolicy"], table["Properties"]["DeletionProtectionEnabled"]) == ("Delete", False)


def test_stream_passes_writes_of_people_and_reports_what_failed(home: Template) -> None:
    (source,) = list_properties(home, "Lambda::EventSourceMapping").values()
    assert json.loads(source["FilterCriteria"]["Filters"][0]["Pattern"]) == {
        "dynamodb": {"NewImage": {"user_write": {"BOOL": [True]}}}
    }
    assert source["EventSourceArn"] == {"Fn::GetAtt": ["InstancesTable", "StreamArn"]}
    assert source["BisectBatchOnFunctionError"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (source["MaximumRetryAttempts"], source["MaximumRecordAgeInSeconds"]) == (3, 300)
    assert source["DestinationConfig"]["OnFailure"] == {"Destination": {"Fn::GetAtt": ["FailureQueue", "Arn"]}}
    assert source["FunctionName"] == {"Ref": "OnInstancesStream"}


def test_functions_end_after_their_calls_and_before_api_gateway() -> None:
    timeouts = [route.endpoint.timeout_seconds for router in openapi.ROUTERS for route in router.routes]
    assert max(timeouts) < SESSION_SECONDS < API_GATEWAY_SECONDS
    assert sorted(set(timeouts))[-2] < API_SECONDS < API_GATEWAY_SECONDS
    long_ones = ("refresh_offers", "refresh_catalog", "list_foreign_instances")
    others = {each.timeout_seconds for each in FUNCTIONS.values() if each.name not in ("api", "sessions", *long_ones)}
    assert others == {FUNCTION_SECONDS}
    for name in long_ones:
        assert FUNCTION_SECONDS < FUNCTIONS[name].timeout_seconds < LAMBDA_SECONDS


def test_functions_have_their_role_their_log_and_the_environment_of_the_product(home: Template) -> None:
    functions = list_properties(home, "Lambda::Function")
    assert {each["Runtime"] for each in functions.values()} == {"python3.13"}
    assert functions["APIHandler"]["FunctionName"] == "gpudesk-prod-api"
    assert functions["SessionsHandler"]["Role"] == {"Fn::GetAtt": ["SessionsRole", "Arn"]}
    assert functions["SessionsHandler"]["Handler"] == functions["APIHandler"]["Handler"] == "app.app"
    variables = functions["Sweep"]["Environment"]["Variables"]
    assert variables["GPUDESK_REGIONS"] == "eu-west-1,us-west-2"
    assert variables["GPUDESK_NETWORKS"] == "us-west-2=vpc-0a1b2c3d"
    assert variables["GPUDESK_INSTANCE_ROLE_ID"] == {"Fn::GetAtt": ["InstanceRole", "RoleId"]}
    assert all(each["Environment"]["Variables"] == variables for each in functions.values())
    assert read_local_settings().stage == "dev", "it reads the same variables"
    for name, function in functions.items():
        assert function["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}Logs"}
        assert home["Resources"][f"{name}Logs"]["Properties"]["RetentionInDays"] == 30


def test_function_that_only_the_app_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(cast("dict[str, object]", FUNCTIONS), "sweep")
    with pytest.raises(UnknownFunction, match=r"differ: Sweep\. Add each function to both"):
        build_home_template(build_settings())


def test_events_are_repeated_at_most_once_and_soon_given_up(home: Template) -> None:
    configs = list_properties(home, "Lambda::EventInvokeConfig")
    assert len(configs) == len(FUNCTIONS) - len(("api", "sessions", "on_instances_stream"))
    assert {each["MaximumEventAgeInSeconds"] for each in configs.values()} == {EVENT_AGE_SECONDS}
    assert {each["MaximumRetryAttempts"] for each in configs.values()} == {0, 1}


def test_schedules_and_rules_are_those_of_the_app(home: Template) -> None:
    rules = list_properties(home, "Events::Rule").values()
    schedules = sorted(rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule)
    each_minute = ["rate(1 minute)"] * 3
    assert schedules == ["rate(1 day)", *each_minute, "rate(15 minutes)", *["rate(5 minutes)"] * 4]
    sources = sorted(rule["EventPattern"]["source"][0] for rule in rules if "EventPattern" in rule)
    assert sources == ["aws.ec2", "aws.ec2", "aws.ssm"]


def test_alarms_mail_and_only_that_of_a_silent_sweep_needs_no_data(home: Template) -> None:
    alarms = list_properties(home, "CloudWatch::Alarm")
    assert all(alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}] for alarm in alarms.values())
    silent = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"}
    assert silent == {"SweepSilentAlarm"}
    (mail,) = list_properties(home, "SNS::Subscription").values()
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "ops@example.com")
    values = [dimension["Value"] for alarm in alarms.values() for dimension in alarm["Dimensions"]]
    watched = {value["Ref"] for value in values if "Ref" in value}
    assert watched >= set(list_properties(home, "Lambda::Function"))


def test_boundary_and_policies_of_the_settings_are_used(home: Template) -> None:
    roles = list_properties(home, "IAM::Role")
    assert {role["PermissionsBoundary"] for role in roles.values()} == {"arn:aws:iam::123456789012:policy/boundary"}
    assert roles["InstanceRole"]["ManagedPolicyArns"] == ["arn:aws:iam::123456789012:policy/more"]


def test_session_role_trusts_only_the_sessions_function_and_only_for_one_instance(home: Template) -> None:
    (statement,) = list_properties(home, "IAM::Role")["SessionRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": {"Fn::GetAtt": ["SessionsRole", "Arn"]}}
    assert statement["Condition"] == {
        "StringLike": {"aws:RequestTag/gpudesk:id": "?*"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["gpudesk:id"]},
        "Null": {"aws:TagKeys": "false"},
    }


def test_two_stages_share_no_name() -> None:
    names = []
    for stage in ("dev", "prod"):
        template = build_home(stage)
        names.append({value for value in _list_texts(template["Resources"]) if f"gpudesk-{stage}" in value})
    assert names[0]
    assert not names[0] & names[1]


def _list_texts(value: Any) -> set[str]:
    match value:
        case str():
            return {value}
        case dict():
            return {text for inner in value.values() for text in _list_texts(inner)}
        case list():
            return {text for inner in value for text in _list_texts(inner)}
        case _:
            return set()
