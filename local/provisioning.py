"""Resources that gpudesk needs in an AWS account before its first request, as its deployment will create them."""

import base64
import functools
import json
import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3

from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.document_names import build_document_name
from chalicelib.domain.sessions.role import RoleArn
from chalicelib.settings import Settings
from chalicelib.store.tables import create_tables, reset_endpoint
from deploy.names import ResourceNames
from local.roles import build_local_names, create_roles
from local.settings import read_local_settings
from ssm_documents.compose import compose, list_document_names
from ssm_documents.session_documents import list_session_names, load_session_document

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.literals import DocumentTypeType

REGIONS = ("us-east-1",)


def provision(regions: tuple[str, ...] = REGIONS) -> Settings:
    """Create the tables, the roles with the policies of a deployment, the e-mail topic and the webhook key.

    In each region, also create the SSM documents and the security group, which has no ingress rule.

    :returns: settings with the names of the resources
    """
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    _load_dynamodb()
    create_tables()
    settings = read_local_settings()
    names = build_local_names(settings.stage, regions)
    role_ids = create_roles(names)
    _create_webhook_key(settings)
    topic_arn = _create_email_topic(settings)
    for region in regions:
        _create_security_group(region, names)
        _create_documents(region, settings.stage)
    return replace(
        settings,
        instance_role_id=role_ids["instance"],
        session_role=RoleArn.parse(names.role_arn("session")),
        email_topic_arn=topic_arn,
        allow_private_webhooks=True,
        regions=regions,
    )


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


def _create_security_group(region: str, names: ResourceNames) -> None:
    ec2 = boto3.client("ec2", region)
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    ec2.create_security_group(
        GroupName=names.security_group,
        Description="gpudesk: no ingress",
        VpcId=vpcs[0]["VpcId"],
        TagSpecifications=[
            {"ResourceType": "security-group", "Tags": [{"Key": STAGE_TAG, "Value": names.settings.stage}]}
        ],
    )


def _create_documents(region: str, stage: str) -> None:
    ssm = boto3.client("ssm", region)
    for name in list_document_names():
        content = _compose_document(name)
        _create_document(ssm, build_document_name(stage, name), content, "Command")
    for name in list_session_names():
        content = json.dumps(load_session_document(name))
        _create_document(ssm, build_document_name(stage, name), content, "Session")


def _create_document(ssm: "SSMClient", name: str, content: str, document_type: "DocumentTypeType") -> None:
    ssm.create_document(Name=name, Content=content, DocumentType=document_type, DocumentFormat="JSON")


@functools.cache
def _compose_document(name: str) -> str:
    """Return a document's content. It is cached, because tests create hundreds of accounts and packing is slow."""
    return json.dumps(compose(name))
