"""Errors of the evaluation of policies. A call with something unknown is an error, never allowed."""


class UndecidedCall(ValueError):
    """It is unknown whether a call is allowed."""


class UnknownOperation(UndecidedCall):
    """The access checks of an operation are unknown."""


class UnknownPolicyElement(UndecidedCall):
    """A policy contains an element, an operator or a form that this evaluation does not know."""


class AmbiguousCondition(UndecidedCall):
    """A condition has no defined result for a request, for example a single-valued operator on several values."""
