"""Names and ARNs of all resources of a stage. Each carries the stage, so that two stages fit into one account."""

from dataclasses import dataclass

from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.document_names import build_document_name
from chalicelib.settings import build_instance_log_group
from deploy.settings import DeploymentSettings

PARTITION, ACCOUNT = "${AWS::Partition}", "${AWS::AccountId}"
"""Pseudo parameters that CloudFormation replaces."""


@dataclass(frozen=True)
class ResourceNames:
    """The names and ARNs of a stage.

    :param account: the id of the account; the default is for templates
    """

    settings: DeploymentSettings
    partition: str = PARTITION
    account: str = ACCOUNT

    @property
    def prefix(self) -> str:
        """The beginning of all names."""
        return f"gpudesk-{self.settings.stage}"

    @property
    def security_group(self) -> str:
        """The security group of the instances, one in each region."""
        return self.prefix

    @property
    def webhook_key(self) -> str:
        """The parameter in Parameter Store with the key of the webhooks' secrets."""
        return f"/gpudesk/{self.settings.stage}/webhook-key"

    @property
    def instance_log_group(self) -> str:
        """The log group for the output of documents, one in each region."""
        return build_instance_log_group(self.settings.stage)

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tags of resources, in the form of most types of CloudFormation."""
        return [{"Key": STAGE_TAG, "Value": self.settings.stage}]

    def build_tag_condition(self, prefix: str = "aws:ResourceTag") -> dict[str, dict[str, str]]:
        """Return the condition that the resource, or with `aws:RequestTag` the request, carries the stage's tag."""
        return {"StringEquals": {f"{prefix}/{STAGE_TAG}": self.settings.stage}}

    def table(self, table: str) -> str:
        """Return the name of a table."""
        return f"{self.prefix}-{table}"

    def topic(self, topic: str) -> str:
        """Return the name of an SNS topic."""
        return f"{self.prefix}-{topic}"

    def function(self, function: str) -> str:
        """Return the name of a Lambda function."""
        return f"{self.prefix}-{function.replace('_', '-')}"

    def function_log_group(self, function: str) -> str:
        """Return the name of a function's log group."""
        return f"/gpudesk/{self.settings.stage}/functions/{function.replace('_', '-')}"

    def role(self, role: str) -> str:
        """Return the name of a role. The instance profile has the name of its role."""
        return f"{self.prefix}-{role}"

    def document(self, document: str) -> str:
        """Return the name of an SSM document in SSM.

        :param document: its name in the sources, such as gpudesk-probe
        """
        return build_document_name(self.settings.stage, document)

    def arn(self, service: str, resource: str, *, region: str = "*", account: str | None = None) -> str:
        """Return an ARN.

        :param region: the default is any region
        :param account: None: this account
        """
        return f"arn:{self.partition}:{service}:{region}:{self.account if account is None else account}:{resource}"

    def home_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of the home region."""
        return self.arn(service, resource, region=self.settings.home_region)

    def table_arn(self, table: str, index: str | None = None) -> str:
        """Return the ARN of a table or of one of its indexes."""
        return self.home_arn("dynamodb", f"table/{self.table(table)}" + (f"/index/{index}" if index else ""))

    def topic_arn(self, topic: str) -> str:
        """Return the ARN of an SNS topic."""
        return self.home_arn("sns", self.topic(topic))

    def queue_arn(self, queue: str) -> str:
        """Return the ARN of an SQS queue."""
        return self.home_arn("sqs", f"{self.prefix}-{queue}")

    def role_arn(self, role: str) -> str:
        """Return the ARN of a role."""
        return self.arn("iam", f"role/{self.role(role)}", region="")

    def profile_arn(self, role: str) -> str:
        """Return the ARN of the instance profile of a role."""
        return self.arn("iam", f"instance-profile/{self.role(role)}", region="")

    def document_arn(self, document: str) -> str:
        """Return the ARN of an SSM document, in any region."""
        return self.arn("ssm", f"document/{self.document(document)}")
