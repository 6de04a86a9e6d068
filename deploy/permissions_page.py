"""The page docs/permissions.md, from the policies: `python -m deploy.permissions_page` writes it."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.common.text import join_and
from deploy.functions import list_functions
from deploy.names import ResourceNames
from deploy.policies import POLICIES
from deploy.policies.statement import PolicyDocument, Statement
from deploy.settings import DeploymentSettings, RegionSettings
from deploy.source import ROOT

PAGE = ROOT / "docs" / "permissions.md"

EXAMPLE_NAMES = ResourceNames(
    DeploymentSettings(
        stage="STAGE",
        home_region="HOME",
        region_settings={"REGION": RegionSettings(vpc="VPC", subnets=("SUBNET",), kms_key="KEY")},
        alarm_email="",
        buckets=("BUCKET",),
        secret_prefixes=("PREFIX",),
        data_keys=("KEY",),
    ),
    partition="aws",
    account="ACCOUNT",
)
"""Settings with words in place of values, and with everything that an admin can configure."""

HEADER = """# Permissions of gpudesk

<!-- Written by `make permissions` from deploy/policies. Change the reasons there. -->

What each role of a stage may do, and why. The templates are built from the same data. [Security](security.md) says what
follows from it. Values on one line are alternatives; all lines of a cell must hold. `ForAllValues` also holds for a
call without the key, so `Null` with the value `false` requires the key.

Words in capital letters stand for the settings of the stage (`deploy/stages/STAGE.toml`): HOME is the home region, and
REGION, VPC, SUBNET and KEY occur once for each configured region. ARNs are shortened: `arn:aws:` is left out.

| role | used by |
|---|---|
"""

USED_BY = {
    "api": "the function of the API",
    "sessions": "the function behind the routes that open and renew sessions",
    "control": f"the functions {join_and(list_functions('control'))}",
    "notifications": f"the function {join_and(list_functions('notifications'))}",
    "offers": f"the function {join_and(list_functions('offers'))}",
    "budgets": f"the function {join_and(list_functions('budgets'))}",
    "quotas": f"the function {join_and(list_functions('quotas'))}",
    "foreign": f"the function {join_and(list_functions('foreign'))}",
    "adoption": f"the function {join_and(list_functions('adoption'))}",
    "catalog": f"the function {join_and(list_functions('catalog'))}",
    "instance": "everything that runs on an instance",
    "session": "the credentials of one session; a session policy narrows them to that session",
    "people": "a managed policy without a role: an admin attaches it to people who use their own AWS credentials",
    "forward": "the rules of EventBridge in the other regions; each region has a role of its own",
}


def build_page() -> str:
    """Return the page."""
    policies = {role: build(EXAMPLE_NAMES) for role, build in POLICIES.items()}
    overview = "".join(f"| [{role}](#{role}) | {USED_BY[role]} |\n" for role in policies)
    parts = [HEADER + overview, *(_build_section(role, policy) for role, policy in policies.items())]
    return "\n".join([*parts, _build_unrestricted_section(policies)])


def _build_section(role: str, policy: PolicyDocument) -> str:
    rows = "".join(_build_row(statement) for statement in policy.statements)
    head = "| statement | actions | resources | only if | why |\n|---|---|---|---|---|\n"
    return f"## {role}\n\n{USED_BY[role][0].upper()}{USED_BY[role][1:]}.\n\n{head}{rows}"


def _build_row(statement: Statement) -> str:
    cells = (
        statement.sid,
        _join_code(statement.actions),
        _join_code(resource.removeprefix("arn:aws:") for resource in statement.resources),
        "<br>".join(_list_conditions(statement)),
        statement.reason,
    )
    return f"| {' | '.join(cells)} |\n"


def _list_conditions(statement: Statement) -> Iterator[str]:
    for operator, keys in statement.condition.items():
        for key, values in keys.items():
            texts = [values] if isinstance(values, str) else values
            accepted = " or ".join(f"`{text.removeprefix('arn:aws:')}`" for text in texts)
            yield f"{operator} `{key}`: {accepted}"


def _build_unrestricted_section(policies: Mapping[str, PolicyDocument]) -> str:
    rows = [
        f"| {role} | {_join_code(statement.actions)} | {statement.reason} |\n"
        for role, policy in policies.items()
        for statement in policy.statements
        if "*" in statement.resources
    ]
    head = "| role | actions | why |\n|---|---|---|\n"
    return f"## Actions on all resources\n\n{head}{''.join(rows)}"


def _join_code(texts: Iterator[str] | Sequence[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    PAGE.write_text(build_page(), encoding="utf-8")
