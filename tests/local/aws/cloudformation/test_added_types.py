"""CloudFormation of the local cloud: what moto lacks is created with its properties, and deleted with the stack.

One stack serves all tests of the file: loading moto's CloudFormation alone takes two seconds.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.cloudformation import extension
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud

REGION = "us-east-1"
ACCOUNT = "123456789012"
STACK = "things"
CONTENT = {
    "schemaVersion": "2.2",
    "mainSteps": [{"action": "aws:runShellScript", "name": "hello", "inputs": {"runCommand": ["true"]}}],
}
SEND_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Send",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": "*",
        }
    ],
}


def build_resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def get_attribute(resource: str, name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, name]}


def build_template() -> dict[str, Any]:
    """Return a template with every type that is added or extended."""
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": {"Fn::Sub": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"},
        "responses": {"default": {"statusCode": "200"}},
    }
    body = {
        "swagger": "2.0",
        "info": {"title": "things", "version": "1.0"},
        "paths": {
            "/things": {"get": {"x-amazon-apigateway-integration": integration, "responses": {}}},
            "/things/{name}": {"delete": {"x-amazon-apigateway-integration": integration, "responses": {}}},
        },
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_5XX": {"statusCode": 503, "responseTemplates": {"application/problem+json": "{}"}}
        },
        "x-amazon-apigateway-binary-media-types": ["application/octet-stream"],
    }
    table = build_resource(
        "DynamoDB::Table",
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamViewType": "NEW_IMAGE"},
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    read = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": get_attribute("Table", "Arn")}],
    }
    resources = {
        "Table": table,
        "Managed": build_resource("IAM::ManagedPolicy", ManagedPolicyName="read-things", PolicyDocument=read),
        "Role": build_resource(
            "IAM::Role", RoleName="things", AssumeRolePolicyDocument=trust, ManagedPolicyArns=[{"Ref": "Managed"}]
        ),
        "Group": build_resource("Logs::LogGroup", LogGroupName="/things", RetentionInDays=30),
        "Function": build_resource(
            "Lambda::Function",
            FunctionName="things",
            Code={"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": "code.zip"},
            Handler="app.app",
            Runtime="python3.13",
            Role=get_attribute("Role", "Arn"),
            LoggingConfig={"LogGroup": {"Ref": "Group"}, "LogFormat": "Text"},
        ),
        "Invoke": build_resource(
            "Lambda::EventInvokeConfig",
            FunctionName={"Ref": "Function"},
            Qualifier="$LATEST",
            MaximumEventAgeInSeconds=60,
            MaximumRetryAttempts=0,
        ),
        "Mapping": build_resource(
            "Lambda::EventSourceMapping",
            EventSourceArn=get_attribute("Table", "StreamArn"),
            FunctionName={"Ref": "Function"},
            StartingPosition="LATEST",
            BisectBatchOnFunctionError=True,
            FilterCriteria={"Filters": [{"Pattern": "{}"}]},
        ),
        "Queue": build_resource("SQS::Queue", QueueName="failed"),
        "Topic": build_resource("SNS::Topic", TopicName="alarms"),
        "TopicPolicy": build_resource("SNS::TopicPolicy", Topics=[{"Ref": "Topic"}], PolicyDocument=SEND_POLICY),
        "Mail": build_resource(
            "SNS::Subscription",
            TopicArn={"Ref": "Topic"},
            Protocol="email",
            Endpoint="ops@example.com",
            FilterPolicy={"to": ["ops@example.com"]},
        ),
        "Rule": build_resource(
            "Events::Rule",
            Name="states",
            EventPattern={"source": ["aws.ec2"]},
            Targets=[{"Id": "function", "Arn": get_attribute("Function", "Arn")}],
        ),
        "Alarm": build_resource(
            "CloudWatch::Alarm",
            AlarmName="silent",
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": {"Ref": "Function"}}],
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=2,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="breaching",
            AlarmActions=[{"Ref": "Topic"}],
        ),
        "Api": build_resource("ApiGateway::RestApi", Body=body, EndpointConfiguration={"Types": ["REGIONAL"]}),
        "Deployment": build_resource("ApiGateway::Deployment", RestApiId={"Ref": "Api"}),
        "Stage": build_resource(
            "ApiGateway::Stage",
            RestApiId={"Ref": "Api"},
            DeploymentId={"Ref": "Deployment"},
            StageName="api",
            MethodSettings=[
                {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 20, "DataTraceEnabled": False}
            ],
        ),
        "Document": build_resource(
            "SSM::Document",
            Name="hello",
            DocumentType="Command",
            DocumentFormat="JSON",
            UpdateMethod="NewVersion",
            Content=CONTENT,
        ),
        "Closed": build_resource(
            "EC2::SecurityGroup",
            GroupName="closed",
            GroupDescription="only https leaves",
            VpcId={"Ref": "Vpc"},
            SecurityGroupEgress=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}],
        ),
    }
    return {
        "Parameters": {"ArtifactBucket": {"Type": "String"}, "Vpc": {"Type": "String"}},
        "Resources": resources,
        "Outputs": {"AlarmArn": {"Value": get_attribute("Alarm", "Arn")}, "Api": {"Value": {"Ref": "Api"}}},
    }


def create_client(service: Any) -> Any:
    return boto3.client(service, REGION)


def build_parameters() -> list[dict[str, str]]:
    (vpc,) = create_client("ec2").describe_vpcs()["Vpcs"]
    values = {"ArtifactBucket": "artifacts", "Vpc": vpc["VpcId"]}
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with in_process_cloud() as cloud:
        cloud.add_extension(extension)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "")
        s3 = create_client("s3")
        s3.create_bucket(Bucket="artifacts")
        s3.put_object(Bucket="artifacts", Key="code.zip", Body=code.getvalue())
        create_client("cloudformation").create_stack(
            StackName=STACK, TemplateBody=json.dumps(build_template()), Parameters=build_parameters()
        )
        yield cloud


@pytest.fixture(scope="module")
def outputs(cloud: LocalCloud) -> Mapping[str, str]:
    (stack,) = create_client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_alarm_has_its_properties(outputs: Mapping[str, str]) -> None:
    (alarm,) = create_client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmArn"] == outputs["AlarmArn"]
    assert (alarm["AlarmName"], alarm["TreatMissingData"], alarm["Period"]) == ("silent", "breaching", 300)
    assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"]
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "things"}]


def test_subscription_waits_for_its_confirmation(cloud: LocalCloud, outputs: Mapping[str, str]) -> None:
    (subscription,) = create_client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Endpoint"], subscription["SubscriptionArn"]) == ("ops@example.com", "PendingConfirmation")
    assert [mail.to for mail in cloud.mailbox.list_mails()] == ["ops@example.com"]


def test_topic_has_its_policy(outputs: Mapping[str, str]) -> None:
    topic = create_client("sns").get_topic_attributes(TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms")
    assert json.loads(topic["Attributes"]["Policy"]) == SEND_POLICY


def test_function_has_invoke_config_log_group_and_stream(outputs: Mapping[str, str]) -> None:
    client = create_client("lambda")
    config = client.get_function_event_invoke_config(FunctionName="things")
    assert (config["MaximumEventAgeInSeconds"], config["MaximumRetryAttempts"]) == (60, 0)
    assert client.get_function_configuration(FunctionName="things")["LoggingConfig"]["LogGroup"] == "/things"
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": "{}"}]}


def test_api_has_routes_integrations_gateway_responses_and_limits(outputs: Mapping[str, str]) -> None:
    client = create_client("apigateway")
    api_id = outputs["Api"]
    api = client.get_rest_api(restApiId=api_id)
    assert (api["name"], api["endpointConfiguration"]["types"]) == ("things", ["REGIONAL"])
    assert api["binaryMediaTypes"] == ["application/octet-stream"]
    resources = {each["path"]: each for each in client.get_resources(restApiId=api_id)["items"]}
    assert resources.keys() == {"/", "/things", "/things/{name}"}
    integration = client.get_integration(restApiId=api_id, resourceId=resources["/things"]["id"], httpMethod="GET")
    assert integration["type"] == "AWS_PROXY"
    assert integration["uri"].endswith(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:things/invocations")
    responses = {each["responseType"]: each for each in client.get_gateway_responses(restApiId=api_id)["items"]}
    assert responses.keys() == {"DEFAULT_5XX"}
    assert responses["DEFAULT_5XX"]["responseTemplates"] == {"application/problem+json": "{}"}
    (stage,) = client.get_stages(restApiId=api_id)["item"]
    assert stage["methodSettings"] == {"*/*": {"throttlingRateLimit": 20.0, "dataTraceEnabled": False}}


def test_table_role_group_and_documents_keep_their_properties(outputs: Mapping[str, str]) -> None:
    dynamodb = create_client("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName="things")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    backups = dynamodb.describe_continuous_backups(TableName="things")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    (policy,) = create_client("iam").list_attached_role_policies(RoleName="things")["AttachedPolicies"]
    assert policy["PolicyName"] == "read-things"
    (group,) = create_client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30
    assert json.loads(create_client("ssm").get_document(Name="hello")["Content"]) == CONTENT
    (closed,) = create_client("ec2").describe_security_groups(GroupNames=["closed"])["SecurityGroups"]
    assert closed["IpPermissions"] == []
    assert [(rule["FromPort"], rule["ToPort"]) for rule in closed["IpPermissionsEgress"]] == [(443, 443)]


def test_changed_document_is_a_new_version(outputs: Mapping[str, str]) -> None:
    template = build_template()
    changed = {**CONTENT, "description": "changed"}
    template["Resources"]["Document"]["Properties"]["Content"] = changed
    client = create_client("cloudformation")
    client.update_stack(StackName=STACK, TemplateBody=json.dumps(template), Parameters=build_parameters())
    document = create_client("ssm").describe_document(Name="hello")["Document"]
    assert (document["DocumentVersion"], document["DefaultVersion"]) == ("2", "2")
    assert json.loads(create_client("ssm").get_document(Name="hello")["Content"]) == changed


def test_unknown_type_is_refused(cloud: LocalCloud) -> None:
    template = {"Resources": {"Thing": {"Type": "AWS::No::Thing"}}}
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::No::Thing\]"):
        create_client("cloudformation").create_stack(StackName="wrong", TemplateBody=json.dumps(template))


def test_deleted_stack_leaves_nothing(outputs: Mapping[str, str]) -> None:
    """The last test of the file, because the others need the stack."""
    create_client("cloudformation").delete_stack(StackName=STACK)
    iam, ec2 = create_client("iam"), create_client("ec2")
    left = {
        "tables": create_client("dynamodb").list_tables()["TableNames"],
        "roles": iam.list_roles()["Roles"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "groups": create_client("logs").describe_log_groups()["logGroups"],
        "functions": create_client("lambda").list_functions()["Functions"],
        "mappings": create_client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "queues": create_client("sqs").list_queues().get("QueueUrls", []),
        "topics": create_client("sns").list_topics()["Topics"],
        "subscriptions": create_client("sns").list_subscriptions()["Subscriptions"],
        "rules": create_client("events").list_rules()["Rules"],
        "alarms": create_client("cloudwatch").describe_alarms()["MetricAlarms"],
        "apis": create_client("apigateway").get_rest_apis()["items"],
        "documents": create_client("ssm").list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])[
            "DocumentIdentifiers"
        ],
        "security groups": [
            group for group in ec2.describe_security_groups()["SecurityGroups"] if group["GroupName"] != "default"
        ],
    }
    assert {name: found for name, found in left.items() if found} == {}
