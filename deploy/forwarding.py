"""Rules that forward the events of a region to the home region, where the functions are.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
"""

from chalicelib.events import COMMAND_PATTERN, EC2_PATTERN
from deploy.cloudformation import Resource, build_resource, get_attribute, to_logical_id
from deploy.names import ResourceNames

FORWARDED_EVENTS = {"ec2": EC2_PATTERN, "ssm": COMMAND_PATTERN}


def build_forwarding(names: ResourceNames) -> dict[str, Resource]:
    """Return the rules that forward events to the home region's bus, and their role.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
    """
    bus = names.home_arn("events", "event-bus/default")
    role = build_resource(
        "AWS::IAM::Role",
        {
            "RoleName": f"{names.prefix}-forward-${{AWS::Region}}",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "forward",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Sid": "PutEvents",
                                "Effect": "Allow",
                                "Action": ["events:PutEvents"],
                                "Resource": [bus],
                            }
                        ],
                    },
                }
            ],
            **_build_boundary(names),
        },
        Condition="IsAway",
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
            Condition="IsAway",
        )
        for key, pattern in FORWARDED_EVENTS.items()
    }
    return {"ForwardRole": role, **rules}


def _build_boundary(names: ResourceNames) -> dict[str, str]:
    boundary = names.settings.permissions_boundary
    return {"PermissionsBoundary": boundary} if boundary else {}
