"""Preconditions of a step.

https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/runpluginutil/runpluginutil.go
(evaluatePreconditions)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .parameters import REFERENCE, fill_in

PLATFORM = "linux"
VARIABLE = "platformType"


def check_preconditions(
    conditions: Mapping[str, Sequence[str]], values: Mapping[str, Any]
) -> tuple[bool, tuple[str, ...]]:
    """Return whether the step applies to this machine, and the conditions that are not met or not understood.

    :param values: values of the document's parameters
    """
    applies, problems = True, list[str]()
    for operator, words in conditions.items():
        if operator != "StringEquals":
            problems.append(f'unrecognized operator: "{operator}"')
        elif problem := _find_problem(operator, words):
            problems.append(problem)
        elif not _is_met(words, values):
            applies = False
            problems.append(f'"{operator}": [{words[0]}, {words[1]}]')
    return applies, tuple(problems)


def _find_problem(operator: str, words: Sequence[str]) -> str:
    if len(words) != 2:
        return f'"{operator}": operator accepts exactly 2 arguments'
    if words[0] == words[1]:
        if words[0] == VARIABLE:
            return f'"{operator}": [{words[0]} {words[1]}]'
        return f"\"{operator}\": operator's arguments can't be identical"
    if VARIABLE in words:
        other = words[1] if words[0] == VARIABLE else words[0]
        if REFERENCE.search(other):
            return f'"{operator}": the second argument for the platformType variable can\'t contain document parameters'
    elif not any(REFERENCE.search(word) for word in words):
        return f'"{operator}": at least one of operator\'s arguments must contain a valid document parameter'
    return ""


def _is_met(words: Sequence[str], values: Mapping[str, Any]) -> bool:
    if VARIABLE in words:
        other = words[1] if words[0] == VARIABLE else words[0]
        return other.lower() == PLATFORM
    first, second = (fill_in(word, values) for word in words)
    return bool(first == second)
