"""Access to notifications: e-mail by SNS, and the key of the webhooks' secrets. The control role has it, too."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement
from deploy.policies.table_access import TableAccess, build_table_statements
from deploy.policies.webhook_key import build_webhook_key_statement

TABLES = {
    "notifications": TableAccess(
        ("PutItem",), "Record deliveries.", indexes=("due",), index_reason="Find the due notifications."
    ),
    "instances": TableAccess(
        ("GetItem", "PutItem"), "Skip outdated notifications, and record that a stop warning was delivered."
    ),
    "timeline": TableAccess(("PutItem",), "Record the delivery of a stop warning."),
    "owners": TableAccess(("Scan",), "Read the channels of all owners; a team has few owners."),
    "desk": TableAccess(
        ("GetItem", "PutItem", "UpdateItem"),
        "Channels of the admins, the lease of the deliveries, the state of e-mail addresses.",
    ),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of deliver_notifications."""
    statements = (
        *build_table_statements(names, TABLES),
        *build_delivery_statements(names),
        build_log_statement(names, "notifications"),
    )
    return PolicyDocument(statements)


def build_delivery_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for deliveries by e-mail and webhook."""
    topic = (names.topic_arn("notifications"),)
    return (
        Statement(
            sid="SendEmails",
            actions=("sns:ListSubscriptionsByTopic", "sns:Publish"),
            resources=topic,
            reason="Find the confirmed addresses, and send mails to them.",
        ),
        Statement(
            sid="SubscribeAddresses",
            actions=("sns:Subscribe",),
            resources=topic,
            condition={"StringEquals": {"sns:Protocol": "email"}},
            reason="Let SNS send a confirmation mail to a new address. Other protocols are not allowed.",
        ),
        build_webhook_key_statement(names),
    )
