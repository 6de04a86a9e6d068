"""Resource policies of functions: who may invoke them. Without one, nothing invokes a function on AWS.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import boto3

from local.aws.iam.evaluator import IamRequest, Policies, decide
from local.aws.iam.policies import parse_policy
from local.aws.iam.principals import Principal
from local.deployed.function import Function
from local.deployed.routes import RestApi
from local.deployed.rules import EVENTS, Rule

ACTION = "lambda:InvokeFunction"
GATEWAY = "apigateway.amazonaws.com"

Trigger = tuple[str, str, str]
"""The ARN of a function, the service that invokes it, and the ARN of the route or rule."""


class NotPermitted(Exception):
    """A function's policy does not let its trigger invoke it."""


def check_triggers(functions: Mapping[str, Function], api: RestApi, rules: Sequence[Rule]) -> None:
    """Check that every route and rule may invoke its functions.

    :raises NotPermitted: one may not
    """
    policies = {arn: _read_policy(function) for arn, function in functions.items()}
    for function, service, source in [*_list_routes(functions, api), *_list_rules(functions, rules)]:
        if not may_invoke(policies[function], (function, service, source)):
            raise NotPermitted(f"The policy of {function} does not let {service} invoke it for {source}.")


def may_invoke(policy: Mapping[str, Any], trigger: Trigger) -> bool:
    """Return whether a policy lets a trigger invoke its function."""
    function, service, source = trigger
    # moto keeps the properties of the template in the statement.
    statements = [
        {key: value for key, value in each.items() if key != "FunctionName"} for each in policy.get("Statement", ())
    ]
    parsed = parse_policy({"Version": "2012-10-17", "Statement": statements})
    account = function.split(":")[4]
    context = {"aws:SourceArn": source, "aws:SourceAccount": account}
    request = IamRequest(ACTION, function, context, Principal(service=service))
    return decide(Policies(resource=parsed, requires_resource_policy=True), request).is_allowed


def _read_policy(function: Function) -> Any:
    client = boto3.client("lambda", function.spec.region)
    try:
        return json.loads(client.get_policy(FunctionName=function.spec.name)["Policy"])
    except client.exceptions.ResourceNotFoundException:
        return {}


def _list_routes(functions: Mapping[str, Function], api: RestApi) -> Iterator[Trigger]:
    for path, methods in api.routes.items():
        for method, arn in methods.items():
            _, partition, _, region, account, *_ = functions[arn].spec.arn.split(":")
            source = f"arn:{partition}:execute-api:{region}:{account}:{api.id}/{api.stage}/{method}{path}"
            yield arn, GATEWAY, source


def _list_rules(functions: Mapping[str, Function], rules: Sequence[Rule]) -> Iterator[Trigger]:
    for rule in rules:
        for target in rule.targets:
            if target.arn in functions:
                yield target.arn, EVENTS, rule.arn
