"""Errors of the evaluation of policies. What it does not know is an error, not a yes."""


class UnknownPolicyElement(ValueError):
    """A policy contains an element, an operator or a form that this evaluation does not know."""


class AmbiguousCondition(ValueError):
    """A condition has no defined result for a request, for example a single-valued operator on several values."""
