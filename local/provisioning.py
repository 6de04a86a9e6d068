"""What a deployment makes in an AWS account before the desk can work; on AWS, CloudFormation will make it."""

import base64
import functools
import json
import os
import secrets
from dataclasses import replace

import boto3

from chalicelib.settings import Settings, read_settings
from chalicelib.store.tables import create_tables, reset_endpoint
from ssm_documents.compose import compose, document_names
from ssm_documents.session_documents import session_document, session_names

REGIONS = ("us-east-1",)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def provision(regions: tuple[str, ...] = REGIONS) -> Settings:
    """Tables, the instances' role and profile, and in each region the security group without ingress and the documents.

    :returns: settings that name what was made
    """
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    create_tables()
    settings = read_settings({})
    role_id = _role(settings.instance_profile)
    topic_arn = _post(settings)
    for region in regions:
        _security_group(region, settings.security_group)
        _documents(region)
    return replace(settings, instance_role_id=role_id, email_topic_arn=topic_arn, allow_private_webhooks=True)


def _post(settings: Settings) -> str:
    """What people are told by: the topic of the e-mails, and the key that webhooks' secrets are made of."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    ssm = boto3.client("ssm", settings.home_region)
    ssm.put_parameter(Name=settings.webhook_key, Value=key, Type="SecureString", Overwrite=True)
    topic = boto3.client("sns", settings.home_region).create_topic(Name=f"gpudesk-{settings.stage}-notifications")
    return str(topic["TopicArn"])


def _role(name: str) -> str:
    iam = boto3.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    return str(role["RoleId"])


def _security_group(region: str, name: str) -> None:
    ec2 = boto3.client("ec2", region)
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    ec2.create_security_group(GroupName=name, Description="gpudesk: nothing comes in", VpcId=vpcs[0]["VpcId"])


def _documents(region: str) -> None:
    ssm = boto3.client("ssm", region)
    for name in document_names():
        ssm.create_document(Name=name, Content=_content(name), DocumentType="Command", DocumentFormat="JSON")
    for name in session_names():
        content = json.dumps(session_document(name))
        ssm.create_document(Name=name, Content=content, DocumentType="Session", DocumentFormat="JSON")


@functools.cache
def _content(name: str) -> str:
    """Composed once: the probe is packed anew each time, and the tests make hundreds of accounts."""
    return json.dumps(compose(name))
