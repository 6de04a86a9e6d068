"""Rules that forward the events of a region to the home region, where the functions are.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
"""

from chalicelib.events import COMMAND_PATTERN, EC2_PATTERN, SPOT_PATTERN
from deploy.cloudformation import Resource, build_resource, get_attribute, to_logical_id
from deploy.functions import get_role_id
from deploy.names import ResourceNames
from deploy.roles import build_role, trust_service

FORWARDED_EVENTS = {"ec2": EC2_PATTERN, "spot": SPOT_PATTERN, "ssm": COMMAND_PATTERN}


def build_forwarding(names: ResourceNames) -> dict[str, Resource]:
    """Return the rules that forward events to the home region's bus, and their role."""
    bus = names.home_arn("events", "event-bus/default")
    role = build_role(
        names,
        "forward",
        trust_service("events.amazonaws.com"),
        name=f"{names.role('forward')}-${{AWS::Region}}",
        Condition="IsOutsideHome",
    )
    rules = {
        f"Forward{to_logical_id(key)}Rule": build_resource(
            "AWS::Events::Rule",
            {
                "Name": f"{names.prefix}-forward-{key}",
                "Description": "gpudesk: events of instances for the home region",
                "EventPattern": pattern,
                "State": "ENABLED",
                "Targets": [{"Id": "home", "Arn": bus, "RoleArn": get_attribute(get_role_id("forward"), "Arn")}],
            },
            Condition="IsOutsideHome",
        )
        for key, pattern in FORWARDED_EVENTS.items()
    }
    return {**role, **rules}
