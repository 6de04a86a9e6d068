"""The statements of all policies, for tests."""

from deploy.permissions_page import EXAMPLE_NAMES
from deploy.policies import POLICIES
from deploy.policies.statement import Statement
from local.settings import build_local_names

NAMES = build_local_names()
STATEMENTS = {role: build(NAMES).statements for role, build in POLICIES.items()}
ROLES_AND_STATEMENTS = [(role, each) for role, build in POLICIES.items() for each in build(EXAMPLE_NAMES).statements]
"""The statements with everything that an admin can configure."""


def list_statements(action: str, *roles: str) -> list[Statement]:
    return [each for role in roles or STATEMENTS for each in STATEMENTS[role] if action in each.actions]


def list_resources(action: str, *roles: str) -> list[str]:
    return [resource for statement in list_statements(action, *roles) for resource in statement.resources]
