"""Requirements of pip: names, extras, and the version specifiers that setups use."""

import re


class PackageNotFound(Exception):
    """The host does not have the package.

    :ivar requirement: as it was requested
    :ivar versions: available versions, or `none`
    """

    def __init__(self, requirement: str, versions: str) -> None:
        """Create the error."""
        super().__init__(requirement)
        self.requirement = requirement
        self.versions = versions


def normalize_name(name: str) -> str:
    """Return a distribution's name in the form in which PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirement(requirement: str) -> tuple[str, set[str], str]:
    """Return the normalized name, the extras and the version specifier.

    :raises PackageNotFound: it is not a requirement
    """
    match = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*\(?([^;)]*)", requirement)
    if match is None:
        raise PackageNotFound(requirement, "none")
    extras = {extra.strip() for extra in (match[2] or "").split(",") if extra.strip()}
    return normalize_name(match[1]), extras, match[3].strip()


def matches_specifier(specifier: str, version: str) -> bool:
    """Return whether a version matches each clause. Only its numbers are compared: no setup uses pre-releases."""
    return all(_matches_clause(clause.strip(), version) for clause in specifier.split(",") if clause.strip())


def _matches_clause(clause: str, version: str) -> bool:
    match = re.fullmatch(r"(===?|!=|>=|<=|~=|>|<)\s*([\w.*+!-]+)", clause)
    if match is None:
        return True
    sign, bound = match[1], match[2]
    version_numbers, bound_numbers = _parse_version(version), _parse_version(bound)
    is_equal = (
        version_numbers[: len(bound_numbers)] == bound_numbers
        if bound.endswith("*")
        else _pad(version_numbers) == _pad(bound_numbers)
    )
    comparisons = {
        ">=": version_numbers >= bound_numbers,
        "<=": version_numbers <= bound_numbers or is_equal,
        ">": version_numbers > bound_numbers and not is_equal,
        "<": version_numbers < bound_numbers,
    }
    if sign == "~=":
        return version_numbers >= bound_numbers and version_numbers[: len(bound_numbers) - 1] == bound_numbers[:-1]
    return not is_equal if sign == "!=" else is_equal if sign.startswith("==") else comparisons[sign]


def _parse_version(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", re.split(r"[a-z*+]", version)[0])]


def _pad(numbers: list[int]) -> list[int]:
    return numbers + [0] * (8 - len(numbers))
