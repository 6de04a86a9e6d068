"""Course of `make deployed`: that of `make run`, with a deployed stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.aws.core.local_cloud import LocalCloud
from local.clock import PacedClock
from local.deployed.deployed_stack import run_deployed_stack
from local.deployed.deployment import RunPackage
from local.deployed.errors import RuntimeMissing
from local.deployed.lambda_runtime import prepare_runtime
from local.exit_status import ExitStatus
from local.options import Options
from local.run_folder import RunFolder
from local.runner import CannotStart, run
from local.stack import Fleet, Stack


def run_deployed(options: Options, zip_file: Path) -> ExitStatus:
    """Run the zip on the local cloud, and return the exit status."""

    @contextmanager
    def start(
        options: Options, machines: Fleet, clock: PacedClock, cloud: LocalCloud, folder: RunFolder
    ) -> Iterator[Stack]:
        package = RunPackage(zip_file, folder.path.absolute(), _prepare_python())
        with run_deployed_stack(options, machines, clock, cloud, package) as stack:
            print("The functions run from the zip, with the credentials of their roles.", flush=True)
            yield stack

    return run(options, start)


def _prepare_python() -> Path:
    try:
        return prepare_runtime()
    except RuntimeMissing as problem:
        raise CannotStart(str(problem)) from problem
