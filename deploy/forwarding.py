"""Rules that forward the events of a region to the home region, where the functions are.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
"""

from chalicelib.events import COMMAND_PATTERN, EC2_PATTERN
from deploy.cloudformation import Resource, build_resource, get_attribute, to_logical_id
from deploy.names import ResourceNames
from deploy.policies.statement import Statement, build_policy_body
from deploy.roles import build_boundary, build_service_trust

FORWARDED_EVENTS = {"ec2": EC2_PATTERN, "ssm": COMMAND_PATTERN}


def build_forwarding(names: ResourceNames) -> dict[str, Resource]:
    """Return the rules that forward events to the home region's bus, and their role."""
    bus = names.home_arn("events", "event-bus/default")
    put_events = Statement(
        sid="PutEvents",
        actions=("events:PutEvents",),
        resources=(bus,),
        reason="Forward the events of the region to the bus of the home region.",
    )
    role = build_resource(
        "AWS::IAM::Role",
        {
            "RoleName": f"{names.prefix}-forward-${{AWS::Region}}",
            "AssumeRolePolicyDocument": build_service_trust("events.amazonaws.com"),
            "Policies": [
                {
                    "PolicyName": "forward",
                    "PolicyDocument": build_policy_body([put_events.to_policy()]),
                }
            ],
            **build_boundary(names),
        },
        Condition="IsOtherRegion",
    )
    rules = {
        f"Forward{to_logical_id(key)}Rule": build_resource(
            "AWS::Events::Rule",
            {
                "Name": f"{names.prefix}-forward-{key}",
                "Description": "gpudesk: events of instances for the home region",
                "EventPattern": pattern,
                "State": "ENABLED",
                "Targets": [{"Id": "home", "Arn": bus, "RoleArn": get_attribute("ForwardRole", "Arn")}],
            },
            Condition="IsOtherRegion",
        )
        for key, pattern in FORWARDED_EVENTS.items()
    }
    return {"ForwardRole": role, **rules}
