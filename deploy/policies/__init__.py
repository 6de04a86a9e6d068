"""IAM policies of a stage: one module for each role, and modules for permissions that roles share."""

from collections.abc import Callable, Mapping

from deploy.names import ResourceNames
from deploy.policies import (
    adoption,
    api,
    budgets,
    catalog,
    control,
    foreign,
    forward,
    instance,
    notifications,
    offers,
    people,
    quotas,
    session,
    sessions,
)
from deploy.policies.statement import PolicyDocument

POLICIES: Mapping[str, Callable[[ResourceNames], PolicyDocument]] = {
    "api": api.build_policy,
    "sessions": sessions.build_policy,
    "control": control.build_policy,
    "notifications": notifications.build_policy,
    "offers": offers.build_policy,
    "budgets": budgets.build_policy,
    "quotas": quotas.build_policy,
    "foreign": foreign.build_policy,
    "adoption": adoption.build_policy,
    "catalog": catalog.build_policy,
    "instance": instance.build_policy,
    "session": session.build_policy,
    "people": people.build_policy,
    "forward": forward.build_policy,
}
"""The policy of each role, by the key of the role. `people` is a managed policy without a role."""

FUNCTION_ROLES = (
    "api",
    "sessions",
    "control",
    "notifications",
    "offers",
    "catalog",
    "quotas",
    "budgets",
    "foreign",
    "adoption",
)
"""The roles of Lambda functions."""
