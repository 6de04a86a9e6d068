"""Calls with policies, generated for the comparison of the evaluator with another one.

Half of the calls have the policies of a deployment, with the keys of their conditions right, wrong and missing. The
others have policies of random statements.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import Any

from deploy.names import ResourceNames
from deploy.policies import POLICIES
from deploy.policies.statement import Statement
from local.settings import ACCOUNT
from tests.local.aws.iam.generated_call import MULTIVALUED, USER_ID, GeneratedCall
from tests.local.aws.iam.random_calls import build_random_call

FILLERS = ("x", "i-0123456789abcdef0", "us-east-1", "2026-01-05/abc")
"""Texts in place of a wildcard."""


def generate_calls(random: Random, names: ResourceNames, count: int) -> Iterator[GeneratedCall]:
    """Yield calls."""
    documents = {role: build(names) for role, build in POLICIES.items()}
    for number in range(count):
        if number % 2:
            document = random.choice(list(documents.values()))
            yield _vary(random, document.to_policy(), random.choice(document.statements))
        else:
            yield build_random_call(random)


def _vary(random: Random, policy: dict[str, Any], statement: Statement) -> GeneratedCall:
    """Return a call that meets a statement, or differs from it a little."""
    context: dict[str, str | list[str]] = {"aws:userid": USER_ID}
    for operator, keys in statement.condition.items():
        for key, values in keys.items():
            if operator != "Null" and random.random() < 0.8:
                accepted = [values] if isinstance(values, str) else list(values)
                found = [_fill(random, value) for value in random.sample(accepted, random.randint(1, len(accepted)))]
                if random.random() < 0.2:
                    found[-1] = "other"
                context[key] = found if key.lower() in MULTIVALUED else found[0]
    resource = _fill(random, random.choice(statement.resources))
    if random.random() < 0.1:
        resource = resource.replace("gpudesk-dev", "gpudesk-prod")
    return GeneratedCall(random.choice(statement.actions), resource, context, [policy])


def _fill(random: Random, pattern: str) -> str:
    """Return a text that matches a pattern."""
    if pattern == "*":
        return pattern
    known = pattern.replace("${aws:userid}", USER_ID).replace("${aws:username}", "ada")
    known = re.sub(r"\$\{[^}]*\}", "gd-1", known).replace(":aws:*", ":aws:us-east-1").replace("?", "x")
    segments = known.split(":", 5)
    if len(segments) == 6:
        region = segments[3].replace("*", "us-east-1")
        rest = segments[5].replace("*", random.choice(FILLERS))
        return ":".join([*segments[:3], region, segments[4].replace("*", ACCOUNT), rest])
    return known.replace("*", random.choice(FILLERS))
