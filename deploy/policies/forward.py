"""Policy of the role with which EventBridge forwards events of a region to the home region."""

from deploy.names import ResourceNames
from deploy.policies.statement import PolicyDocument, Statement


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of the forwarding rules."""
    return PolicyDocument(
        (
            Statement(
                sid="PutEvents",
                actions=("events:PutEvents",),
                resources=(names.home_arn("events", "event-bus/default"),),
                reason="Forward the changes of instances and commands of another region to the home region.",
            ),
        )
    )
