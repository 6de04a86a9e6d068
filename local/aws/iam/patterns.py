"""Patterns of policies: wildcards, policy variables, and ARNs whose segments are compared one by one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from local.aws.iam.errors import UnknownPolicyElement

Context = Mapping[str, str | Sequence[str]]
"""Condition keys in lower case, and their values. A key with a sequence is multivalued."""

ARN_SEGMENTS = 6
ESCAPED_CHARACTERS = frozenset("*?$")
"""Characters that a policy can write as `${*}`, `${?}` and `${$}`."""

_VARIABLE = re.compile(r"\$\{(?P<name>[^},]*)(?:,\s*'(?P<default>[^']*)')?\s*\}")


@dataclass(frozen=True)
class Variable:
    """A policy variable.

    :param name: condition key in lower case
    :param default: value if the request lacks the key; None: the pattern matches nothing then
    """

    name: str
    default: str | None

    def find_value(self, context: Context) -> str | None:
        """Return the value for a request; None: it has none, or several."""
        value = context.get(self.name)
        return value if isinstance(value, str) else self.default


@dataclass(frozen=True)
class Text:
    """Literal text of a pattern.

    :param is_escaped: whether wildcards in it are literal in every operator
    """

    value: str
    is_escaped: bool = False


@dataclass(frozen=True)
class Pattern:
    """A value of a policy with its variables."""

    parts: tuple[Text | Variable, ...]

    @functools.cached_property
    def has_variables(self) -> bool:
        """Return whether the value depends on the request."""
        return any(isinstance(part, Variable) for part in self.parts)

    @functools.cached_property
    def _fixed(self) -> str:
        return "".join(part.value for part in self.parts if isinstance(part, Text))

    @functools.cached_property
    def _fixed_expression(self) -> re.Pattern[str]:
        return re.compile("".join(_to_expression(part) for part in self.parts if isinstance(part, Text)), re.DOTALL)

    def fill(self, context: Context) -> str | None:
        """Return the text with the values of the variables; None: one of them has no value."""
        if not self.has_variables:
            return self._fixed
        values = list(self._list_values(context))
        return None if None in values else "".join(value for value in values if value)

    def is_resolved(self, context: Context) -> bool:
        """Return whether every variable has a value."""
        return self.fill(context) is not None

    def is_like(self, value: str, context: Context) -> bool:
        """Return whether a value matches. `*` and `?` in the values of variables are literal."""
        if not self.has_variables:
            return self._fixed_expression.fullmatch(value) is not None
        filled = [
            Text(found, is_escaped=isinstance(part, Variable) or part.is_escaped)
            for part, found in zip(self.parts, self._list_values(context), strict=True)
            if found is not None
        ]
        if len(filled) < len(self.parts):
            return False
        return re.fullmatch("".join(map(_to_expression, filled)), value, re.DOTALL) is not None

    def _list_values(self, context: Context) -> Iterator[str | None]:
        return (part.find_value(context) if isinstance(part, Variable) else part.value for part in self.parts)


@dataclass(frozen=True)
class ArnPattern:
    """The pattern of an ARN. A wildcard matches within one of its six segments only.

    :param segments: empty: it matches every resource, also `*`
    """

    segments: tuple[Pattern, ...]

    @functools.cached_property
    def has_variables(self) -> bool:
        """Return whether the pattern depends on the request."""
        return any(segment.has_variables for segment in self.segments)

    def is_resolved(self, context: Context) -> bool:
        """Return whether every variable has a value."""
        return all(segment.is_resolved(context) for segment in self.segments)

    def is_like(self, arn: str, context: Context) -> bool:
        """Return whether an ARN matches."""
        if not self.segments:
            return True
        values = arn.split(":", ARN_SEGMENTS - 1)
        return len(values) == ARN_SEGMENTS and all(
            segment.is_like(value, context) for segment, value in zip(self.segments, values, strict=True)
        )


def parse_pattern(text: str, *, has_variables: bool = True) -> Pattern:
    """Parse a value of a policy.

    :param has_variables: False for policies of version 2008-10-17, in which `${` is literal text
    :raises UnknownPolicyElement: a variable is malformed
    """
    return Pattern(tuple(_split_variables(text) if has_variables else [Text(text)]))


def parse_arn_pattern(text: str, *, has_variables: bool = True) -> ArnPattern:
    """Parse the pattern of an ARN.

    :raises UnknownPolicyElement: it is neither `*` nor an ARN with six segments
    """
    if text == "*":
        return ArnPattern(())
    segments: list[list[Text | Variable]] = [[]]
    for part in parse_pattern(text, has_variables=has_variables).parts:
        if isinstance(part, Variable) or part.is_escaped:
            segments[-1].append(part)
            continue
        first, *others = part.value.split(":", ARN_SEGMENTS - len(segments))
        segments[-1].append(Text(first))
        segments.extend([Text(other)] for other in others)
    if len(segments) != ARN_SEGMENTS:
        raise UnknownPolicyElement(f"{text!r} must be * or an ARN with six segments.")
    return ArnPattern(tuple(Pattern(tuple(segment)) for segment in segments))


def _split_variables(text: str) -> Iterator[Text | Variable]:
    position = 0
    for match in _VARIABLE.finditer(text):
        yield from _split_text(text[position : match.start()])
        name = match["name"].strip()
        yield Text(name, is_escaped=True) if name in ESCAPED_CHARACTERS else Variable(name.lower(), match["default"])
        position = match.end()
    yield from _split_text(text[position:])


def _split_text(text: str) -> Iterator[Text]:
    if "${" in text:
        raise UnknownPolicyElement(f"Malformed policy variable in {text!r}.")
    if text:
        yield Text(text)


def _to_expression(text: Text) -> str:
    escaped = re.escape(text.value)
    return escaped if text.is_escaped else escaped.replace(r"\*", ".*").replace(r"\?", ".")
