"""Measurement of a cold start of the deployed functions: `python -m benchmarks.cold_start`.

It builds the zip and measures its size, its files, and the CPU time of two starts: `import app` from the unzipped zip,
and the same with a first request. On Lambda, `import app` also builds what the function needs. Each start runs in a new
process, with Lambda's version of Python and without the packages of this environment. The cases take turns, so that
they share the load of the computer, and the least CPU time of a case counts. "Without bytecode" is the form in which
Chalice's own packager delivers the code.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import PackagingFailed
from deploy.interpreter import find_package_interpreter
from deploy.package import build_zip
from local.deployed.errors import RuntimeMissing
from local.deployed.lambda_runtime import prepare_runtime
from local.isolation import PLACEHOLDERS
from local.settings import VARIABLES

ROUNDS = 7
MAX_ZIP_BYTES = 12_000_000
MAX_RATIO = 0.40 / 0.75
"""CPU time of an import with bytecode, divided by that without. The seconds depend on the load of the computer."""

JUDGED = ("import app for the sweep", "import app for the API")

ENVIRONMENT = {
    **PLACEHOLDERS,
    **VARIABLES,
    # Nothing listens there. The request ends with the answer 503, after all that a first request does in a function.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}

IMPORT = "import app"
REQUEST = """import app
context = {"resourcePath": "/healthz", "httpMethod": "GET", "path": "/api/healthz"}
event = {"requestContext": context, "headers": {}, "body": None, "isBase64Encoded": False, "stageVariables": None,
         "pathParameters": None, "multiValueQueryStringParameters": None}
assert app.app(event, None)["statusCode"] == 503
"""


@dataclass(frozen=True)
class Case:
    """A measured start.

    :param handler: the function that starts; empty: none, so that `app` builds nothing
    """

    has_bytecode: bool
    handler: str
    code: str


CASES = {
    "import app, without bytecode": Case(False, "", IMPORT),
    "import app": Case(True, "", IMPORT),
    "import app for the sweep, without bytecode": Case(False, "app.sweep", IMPORT),
    "import app for the sweep": Case(True, "app.sweep", IMPORT),
    "import app for the API, without bytecode": Case(False, "app.app", IMPORT),
    "import app for the API": Case(True, "app.app", IMPORT),
    "the API's import and first request, without bytecode": Case(False, "app.app", REQUEST),
    "the API's import and first request": Case(True, "app.app", REQUEST),
}


@dataclass(frozen=True)
class Unzipped:
    """Folder of the unzipped zip, and a copy of it without bytecode."""

    with_bytecode: Path
    without_bytecode: Path


def unzip(file: Path, folder: Path) -> Unzipped:
    """Unzip a package twice."""
    unzipped = Unzipped(folder / "with", folder / "without")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(unzipped.with_bytecode)
    shutil.copytree(unzipped.with_bytecode, unzipped.without_bytecode, ignore=shutil.ignore_patterns("__pycache__"))
    return unzipped


def measure(python: Path, unzipped: Unzipped, rounds: int = ROUNDS) -> Mapping[str, float]:
    """Return the CPU seconds of each case."""
    times = [{name: _measure_once(python, unzipped, case) for name, case in CASES.items()} for _ in range(rounds)]
    return {name: min(each[name] for each in times) for name in CASES}


def _measure_once(python: Path, unzipped: Unzipped, case: Case) -> float:
    folder = unzipped.with_bytecode if case.has_bytecode else unzipped.without_bytecode
    environment = {**ENVIRONMENT, **({"_HANDLER": case.handler} if case.handler else {})}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(python), "-B", "-c", case.code], check=True, cwd=folder, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the measurements, and return 1 if a goal is missed."""
    try:
        python = prepare_runtime()
        with tempfile.TemporaryDirectory() as temporary:
            package = build_zip(Path(temporary), python=find_package_interpreter())
            unzipped = unzip(package.file, Path(temporary))
            files = [path for path in unzipped.with_bytecode.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files)
            print(f"Zip: {package.size / 1e6:.1f} MB with {len(files)} files, {size / 1e6:.1f} MB unzipped.\n")
            seconds = measure(python, unzipped)
    except (PackagingFailed, RuntimeMissing) as problem:
        print(problem, file=sys.stderr)
        return 2
    _print_table(seconds)
    ratios = [seconds[name] / seconds[f"{name}, without bytecode"] for name in JUDGED]
    print(f"\nGoals: at most {MAX_ZIP_BYTES / 1e6:.0f} MB, and a ratio of at most {MAX_RATIO:.2f} for both imports.")
    return int(package.size > MAX_ZIP_BYTES or max(ratios) > MAX_RATIO)


def _print_table(seconds: Mapping[str, float]) -> None:
    print("| start | CPU seconds without bytecode | with bytecode | ratio |")
    print("|---|---|---|---|")
    for name, case in CASES.items():
        if case.has_bytecode:
            without = seconds[f"{name}, without bytecode"]
            print(f"| {name} | {without:.2f} | {seconds[name]:.2f} | {seconds[name] / without:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
