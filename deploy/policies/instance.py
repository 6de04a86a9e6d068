"""Policy of instances. Every program on an instance can use it, so it allows only what an instance needs for itself.

AmazonSSMManagedInstanceCore is not attached: it can read every parameter of the account, the key of webhooks included.
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html
"""

from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE
from deploy.names import ResourceNames
from deploy.policies.statement import PolicyDocument, Statement


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of instances."""
    return PolicyDocument(
        (
            _build_agent_statement(),
            _build_heartbeat_statement(names),
            *_build_output_statements(names),
            *_build_bucket_statements(names),
            *_build_secret_statements(names),
            *_build_key_statements(names),
        )
    )


def _build_agent_statement() -> Statement:
    """Return the statement of the SSM agent.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html
    """
    return Statement(
        sid="ConnectAgent",
        actions=(
            "ec2messages:AcknowledgeMessage",
            "ec2messages:DeleteMessage",
            "ec2messages:FailMessage",
            "ec2messages:GetEndpoint",
            "ec2messages:GetMessages",
            "ec2messages:SendReply",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        resources=("*",),
        reason="Let the SSM agent register, receive commands and serve sessions. IAM cannot restrict channels and "
        "messages to resources. ssm:UpdateInstanceInformation could name instances, but the policy does not know their "
        "ids.",
    )


def _build_heartbeat_statement(names: ResourceNames) -> Statement:
    return Statement(
        sid="WriteHeartbeat",
        actions=("dynamodb:UpdateItem",),
        resources=(names.table_arn("heartbeats"),),
        condition={
            "ForAllValues:StringEquals": {
                "dynamodb:LeadingKeys": ["${aws:userid}"],
                "dynamodb:Attributes": ["id", HEARTBEAT_ATTRIBUTE],
            },
            "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"},
        },
        reason="Let the probe write its heartbeat, and no other attribute, into the item of its own instance. The key "
        "of the item is aws:userid: the id of the role and of the instance.",
    )


def _build_output_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for the log group of the documents' output.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    groups = tuple(
        names.arn("logs", f"log-group:{names.instance_log_group}", region=region) for region in names.settings.regions
    )
    return (
        Statement(
            sid="WriteOutput",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=tuple(f"{group}:log-stream:*" for group in groups),
            reason="Let the agent write the output of documents, if an admin has set log_group.",
        ),
        Statement(
            sid="FindOutputStream",
            actions=("logs:DescribeLogStreams",),
            resources=tuple(f"{group}:*" for group in groups),
            reason="The agent looks for its stream before it writes.",
        ),
        Statement(
            sid="FindOutputGroup",
            actions=("logs:DescribeLogGroups",),
            resources=("*",),
            reason="The agent looks for the group before it writes. CloudWatch Logs cannot restrict this action.",
        ),
    )


def _build_bucket_statements(names: ResourceNames) -> tuple[Statement, ...]:
    buckets = [names.arn("s3", bucket, region="", account="") for bucket in names.settings.buckets]
    if not buckets:
        return ()
    return (
        Statement(
            sid="ListBuckets",
            actions=("s3:ListBucket",),
            resources=tuple(buckets),
            setting="buckets",
            reason="List the objects of the buckets in the settings.",
        ),
        Statement(
            sid="UseBuckets",
            actions=("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
            resources=tuple(f"{bucket}/*" for bucket in buckets),
            setting="buckets",
            reason="Read, write and delete the objects of the buckets in the settings.",
        ),
    )


def _build_secret_statements(names: ResourceNames) -> tuple[Statement, ...]:
    prefixes = names.settings.secret_prefixes
    if not prefixes:
        return ()
    return (
        Statement(
            sid="ReadSecrets",
            actions=("secretsmanager:GetSecretValue",),
            resources=tuple(names.arn("secretsmanager", f"secret:{prefix}*") for prefix in prefixes),
            setting="secret_prefixes",
            reason="Read the secrets whose prefixes are in the settings.",
        ),
    )


def _build_key_statements(names: ResourceNames) -> tuple[Statement, ...]:
    keys = names.settings.data_keys
    if not keys:
        return ()
    services = [f"{service}.*.amazonaws.com" for service in ("s3", "secretsmanager")]
    return (
        Statement(
            sid="UseDataKeys",
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=keys,
            condition={"StringLike": {"kms:ViaService": services}},
            setting="data_keys",
            reason="Use the keys of the buckets and secrets in the settings, through S3 and Secrets Manager only.",
        ),
    )
