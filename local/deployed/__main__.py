"""Program of `make deployed`: like `make run`, with the stacks, the zip and the policies of a deployment.

It reads the same variables as `local/run.py`, and ZIP: the file of the package.
"""

import os
import sys
from pathlib import Path

from local.exit_status import ExitStatus
from local.isolation import clear_aws_environment
from local.options import BadOption, read_options
from local.ports import PortUnavailable, resolve_ports

DEFAULT_ZIP = Path(__file__).parents[2] / "build" / "package" / "deployment.zip"


def main() -> int:
    """Run, and return a value of `ExitStatus`."""
    zip_file = Path(os.environ.get("ZIP") or DEFAULT_ZIP)
    clear_aws_environment(os.environ)
    try:
        options = resolve_ports(read_options(os.environ))
    except (BadOption, PortUnavailable) as problem:
        print(problem, file=sys.stderr)
        return ExitStatus.CANNOT_START
    if not zip_file.is_file():
        print(f"{zip_file} does not exist. Run make package.", file=sys.stderr)
        return ExitStatus.CANNOT_START
    from local.deployed.run import run_deployed  # noqa: PLC0415 - it imports modules that read variables at import

    return run_deployed(options, zip_file)


if __name__ == "__main__":
    sys.exit(main())
