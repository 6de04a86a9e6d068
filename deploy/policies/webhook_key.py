"""Access to the key from which the secrets of webhooks are derived."""

from deploy.names import ResourceNames
from deploy.policies.statement import Statement


def build_webhook_key_statement(names: ResourceNames) -> Statement:
    """Return the statement to read the key.

    The policy of the AWS managed key lets all identities of the account decrypt with it.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-restrict-decryption.html
    """
    return Statement(
        sid="ReadWebhookKey",
        actions=("ssm:GetParameter",),
        resources=(names.home_arn("ssm", f"parameter{names.webhook_key}"),),
        reason="Derive the secret of a webhook. The AWS managed key that encrypts the parameter needs no permission.",
    )
