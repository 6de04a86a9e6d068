"""Print what a sweep would do now, and change nothing: `make preview`."""

import sys

from chalicelib import bootstrap
from chalicelib.control.loop.dry_run import preview_sweep
from chalicelib.domain.instances.plan import describe_plan

if __name__ == "__main__":
    for plan in preview_sweep(bootstrap.get_application().reconciler):
        sys.stdout.write(f"{describe_plan(plan)}\n")
