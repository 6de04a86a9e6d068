"""Policy of instances. Everything that runs on an instance has it, so it allows what an instance needs for itself.

AmazonSSMManagedInstanceCore is not used: it can read every parameter of the account, the key of webhooks included.
"""

from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE
from deploy.names import ResourceNames
from deploy.policies.statement import PolicyDocument, Statement


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of instances."""
    return PolicyDocument(
        (*_build_agent_statements(), _build_heartbeat_statement(names), *_build_admin_statements(names))
    )


def _build_agent_statements() -> tuple[Statement, ...]:
    return (
        Statement(
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
            reason="The SSM agent registers, receives commands and serves sessions. The channels and messages have no "
            "resources; the services bind them to the instance whose credentials sign the call. "
            "ssm:UpdateInstanceInformation could name instances, but the id of the instance is not known here.",
        ),
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
        reason="The probe writes its heartbeat into the item of its own instance, whose key is the id of the role and "
        "of the instance, and not the response of gpudesk. ForAllValues also holds for a missing key, so Null "
        "requires both.",
    )


def _build_admin_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for what the admin lists, and for the log group of the documents' output."""
    settings = names.settings
    groups = tuple(
        names.arn("logs", f"log-group:{names.instance_log_group}", region=region) for region in settings.regions
    )
    statements = [
        Statement(
            sid="WriteOutput",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=tuple(f"{group}:log-stream:*" for group in groups),
            reason="The agent writes the output of documents, if an admin has set log_group.",
        ),
        Statement(
            sid="FindOutputGroup",
            actions=("logs:DescribeLogStreams",),
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
            resources=tuple(f"{group}:*" for group in groups),
            reason="The agent looks for its stream before it writes.",
        ),
        Statement(
            sid="ListGroups",
            actions=("logs:DescribeLogGroups",),
            resources=("*",),
            reason="The agent looks for the group before it writes. CloudWatch Logs cannot restrict this action.",
        ),
    ]
    if settings.buckets:
        buckets = [names.arn("s3", bucket, region="", account="") for bucket in settings.buckets]
        statements += [
            Statement(
                sid="ListBuckets",
                actions=("s3:ListBucket",),
                resources=tuple(buckets),
                setting="buckets",
                reason="The admin has listed these buckets.",
            ),
            Statement(
                sid="UseBuckets",
                actions=("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
                resources=tuple(f"{bucket}/*" for bucket in buckets),
                setting="buckets",
                reason="The admin has listed these buckets.",
            ),
        ]
    if settings.secret_prefixes:
        secrets = tuple(names.arn("secretsmanager", f"secret:{prefix}*") for prefix in settings.secret_prefixes)
        statements.append(
            Statement(
                sid="ReadSecrets",
                actions=("secretsmanager:GetSecretValue",),
                resources=secrets,
                setting="secret_prefixes",
                reason="The admin has listed the prefixes of these secrets.",
            )
        )
    if settings.data_keys:
        services = [f"{service}.*.amazonaws.com" for service in ("s3", "secretsmanager")]
        statements.append(
            Statement(
                sid="UseDataKeys",
                actions=("kms:Decrypt", "kms:GenerateDataKey"),
                resources=settings.data_keys,
                condition={"StringLike": {"kms:ViaService": services}},
                setting="data_keys",
                reason="Use the keys of the listed buckets and secrets, and through S3 and Secrets Manager only.",
            )
        )
    return tuple(statements)
