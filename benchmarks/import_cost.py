"""Measurement of what `import app` costs beside the libraries that it loads: `python -m benchmarks.import_cost`.

Each measurement runs in a new process. The cases take turns, so that they share the load of the computer, and the least
CPU time of a case counts. Python's bytecode is cached in a temporary folder, as in a deployed package.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from local.settings import VARIABLES

ROUNDS = 7
MAX_RATIO = 1.3
LIBRARIES = "import boto3, chalice.app, pynamodb.models; from pydantic import BaseModel, TypeAdapter"

CASES = {
    "the libraries alone": LIBRARIES,
    "import app": f"{LIBRARIES}\nimport app",
    "import app and all that the API needs": f"{LIBRARIES}\nimport app; app.prepare(app.API_HANDLER)",
    "import app and all that the sweep needs": f"{LIBRARIES}\nimport app; app.prepare('app.sweep')",
}

COUNT_BUILDS = """
import botocore.client, pydantic
builds = []
def count(owner, name):
    original = getattr(owner, name)
    def counted(self, *args, **kwargs):
        builds.append(owner.__name__)
        return original(self, *args, **kwargs)
    setattr(owner, name, counted)
count(pydantic.TypeAdapter, "__init__")
count(botocore.client.ClientCreator, "create_client")
import app
app.prepare(app.API_HANDLER)
print(len(builds), *builds)
"""


@dataclass(frozen=True)
class Cost:
    """The costs of a statement.

    :param ratio: CPU time compared with that of the libraries
    """

    cpu_seconds: float
    ratio: float


def count_builds() -> list[str]:
    """Return the type adapters and SDK clients that an import with all that the API needs builds."""
    command, environment = [sys.executable, "-c", COUNT_BUILDS], {**os.environ, **VARIABLES}
    result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return result.stdout.split()[1:]


def measure(rounds: int = ROUNDS) -> Mapping[str, Cost]:
    """Return the costs of each case."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **VARIABLES, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for statement in CASES.values():
            _measure_cpu_seconds(statement, environment)
        times = [{name: _measure_cpu_seconds(case, environment) for name, case in CASES.items()} for _ in range(rounds)]
    least = {name: min(each[name] for each in times) for name in CASES}
    base = least["the libraries alone"]
    return {name: Cost(seconds, seconds / base) for name, seconds in least.items()}


def _measure_cpu_seconds(statement: str, environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print a table in Markdown, and return 1 if an import costs too much."""
    costs = measure()
    print("| | CPU seconds | ratio |")
    print("|---|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {cost.cpu_seconds:.2f} | {cost.ratio:.2f} |")
    builds = count_builds()
    print(f"\nType adapters and clients built at the import: {len(builds)}.")
    return int(bool(builds) or costs["import app"].ratio > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
