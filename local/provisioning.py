"""Resources that gpudesk needs in an AWS account before its first request, as its deployment will create them."""

import base64
import functools
import json
import os
import secrets
from pathlib import Path

import boto3

from chalicelib.domain.sessions.role import RoleArn
from chalicelib.settings import Settings, read_settings
from chalicelib.store.tables import create_tables, reset_endpoint
from local.settings import VARIABLES, read_local_settings
from ssm_documents.compose import compose, list_document_names
from ssm_documents.session_documents import list_session_names, load_session_document

REGIONS = ("us-east-1",)
TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}

SESSION_TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    ],
}
"""gpudesk itself. On AWS the principal is the role of its function."""

SESSION_ROLE_POLICY = Path(__file__).parents[1] / ".chalice" / "session-role-policy-dev.json"


def provision(regions: tuple[str, ...] = REGIONS) -> Settings:
    """Create what gpudesk needs, and return its settings. See `provision_variables`."""
    return read_settings(provision_variables(regions))


def provision_variables(regions: tuple[str, ...] = REGIONS) -> dict[str, str]:
    """Create the tables, the role and profile of instances, the session role, the e-mail topic and the webhook key.

    In each region, also create the SSM documents and the security group, which has no ingress rule.

    :returns: environment variables of gpudesk, with the names of the resources
    """
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    _load_dynamodb()
    settings = read_local_settings()
    create_tables(settings.home_region, settings.table_prefix)
    role_id = _create_role(settings.instance_profile)
    _create_webhook_key(settings)
    topic_arn = _create_email_topic(settings)
    for region in regions:
        _create_security_group(region, settings.security_group)
        _create_documents(region)
    return {
        **VARIABLES,
        "GPUDESK_INSTANCE_ROLE_ID": role_id,
        "GPUDESK_SESSION_ROLE_ARN": _create_session_role(settings.session_role.text.rpartition("/")[2]).text,
        "GPUDESK_EMAIL_TOPIC_ARN": topic_arn,
        "GPUDESK_ALLOW_PRIVATE_WEBHOOKS": "1",
        "GPUDESK_REGIONS": ",".join(regions),
    }


def _load_dynamodb() -> None:
    """Make moto load DynamoDB.

    That can take longer than the timeout of PynamoDB's clients. boto3's clients wait for a minute.
    """
    boto3.client("dynamodb").list_tables(Limit=1)


def _create_webhook_key(settings: Settings) -> None:
    """Store a new key from which gpudesk derives the secrets of webhooks."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    ssm = boto3.client("ssm", settings.home_region)
    ssm.put_parameter(Name=settings.webhook_key, Value=key, Type="SecureString", Overwrite=True)


def _create_email_topic(settings: Settings) -> str:
    sns = boto3.client("sns", settings.home_region)
    return str(sns.create_topic(Name=f"gpudesk-{settings.stage}-notifications")["TopicArn"])


def _create_role(name: str) -> str:
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))["Role"]
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return str(role["RoleId"])


def _create_session_role(name: str) -> RoleArn:
    """Create the role that gpudesk assumes to open sessions, with the policy of the stage."""
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(SESSION_TRUST_POLICY))["Role"]
    policy = SESSION_ROLE_POLICY.read_text(encoding="utf-8")
    iam.put_role_policy(RoleName=name, PolicyName="sessions", PolicyDocument=policy)
    return RoleArn.parse(role["Arn"])


def _create_security_group(region: str, name: str) -> None:
    ec2 = boto3.client("ec2", region)
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    ec2.create_security_group(GroupName=name, Description="gpudesk: no ingress", VpcId=vpcs[0]["VpcId"])


def _create_documents(region: str) -> None:
    ssm = boto3.client("ssm", region)
    for name in list_document_names():
        ssm.create_document(Name=name, Content=_compose_document(name), DocumentType="Command", DocumentFormat="JSON")
    for name in list_session_names():
        content = json.dumps(load_session_document(name))
        ssm.create_document(Name=name, Content=content, DocumentType="Session", DocumentFormat="JSON")


@functools.cache
def _compose_document(name: str) -> str:
    """Return a document's content. It is cached, because tests create hundreds of accounts and packing is slow."""
    return json.dumps(compose(name))
