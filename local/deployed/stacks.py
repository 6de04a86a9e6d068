"""The stacks of a stage on the local cloud, created by CloudFormation from the templates of the deployment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from deploy.home import build_home_template
from deploy.names import ResourceNames
from deploy.region import build_region_template
from deploy.settings import DeploymentSettings
from local.webhook_key import create_webhook_key

SERVICES = frozenset({"apigateway", "cloudformation", "events", "lambda", "logs", "monitoring", "s3", "sqs"})
"""Signing names of the services that a deployment calls, besides those that gpudesk calls."""

CREATED = "CREATE_COMPLETE"
BUCKET_SUFFIX = "artifacts"
ZIP_KEY = "deployment.zip"


class StackFailed(Exception):
    """CloudFormation did not create a stack. The message has its reason."""


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """The bucket outside the stacks, and the zip in it."""

    bucket: str
    key: str


def deploy_stacks(settings: DeploymentSettings, zip_file: Path) -> Mapping[str, str]:
    """Create the home stack, and a region stack in each region, as a deployment does on AWS.

    :returns: the outputs of the home stack
    :raises StackFailed: a stack was not created
    """
    names = ResourceNames(settings)
    artifacts = _upload(f"{names.prefix}-{BUCKET_SUFFIX}", zip_file)
    create_webhook_key(names)
    parameters = {"ArtifactBucket": artifacts.bucket, "ArtifactKey": artifacts.key}
    home = _Stack(names.prefix, settings.home_region, build_home_template(settings), parameters)
    outputs = home.create(artifacts.bucket)
    template = build_region_template(settings)
    for region in settings.regions:
        _Stack(f"{names.prefix}-region", region, template, {}).create(artifacts.bucket)
    return outputs


def _upload(bucket: str, zip_file: Path) -> Artifacts:
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(zip_file), bucket, ZIP_KEY)
    return Artifacts(bucket=bucket, key=ZIP_KEY)


@dataclass(frozen=True)
class _Stack:
    name: str
    region: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]

    def create(self, bucket: str) -> Mapping[str, str]:
        """Create the stack and return its outputs.

        :raises StackFailed: it was not created
        """
        key = f"{self.region}/{self.name}.json"
        boto3.client("s3", "us-east-1").put_object(Bucket=bucket, Key=key, Body=json.dumps(self.template).encode())
        client = boto3.client("cloudformation", self.region)
        client.create_stack(
            StackName=self.name,
            TemplateURL=f"https://{bucket}.s3.amazonaws.com/{key}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        stack = client.describe_stacks(StackName=self.name)["Stacks"][0]
        if stack["StackStatus"] != CREATED:
            reason = stack.get("StackStatusReason", "CloudFormation gives no reason")
            raise StackFailed(f"Stack {self.name} in {self.region} is {stack['StackStatus']}: {reason}.")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
