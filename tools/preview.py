"""Print what a sweep would do now, and change nothing: `make preview`, in the local cloud `make preview LOCAL=URL`.

In the local cloud, the preview follows the clock of the cloud, and reads the heartbeats of its instance role.
"""

import os
import sys
from dataclasses import replace

import boto3

from chalicelib import bootstrap
from chalicelib.control.loop.dry_run import preview_sweep
from chalicelib.domain.instances.plan import describe_plan
from tools.aws_account import exit_on_aws_errors, read_account_settings, read_clock


def main() -> None:
    """Print one line per active instance.

    :raises SystemExit: AWS cannot be used
    """
    with exit_on_aws_errors("make preview"):
        clock, settings = read_clock(), read_account_settings("make preview")
        if os.environ.get("AWS_ENDPOINT_URL"):
            role = boto3.client("iam").get_role(RoleName=settings.instance_profile)["Role"]
            settings = replace(settings, instance_role_id=role["RoleId"])
        application = bootstrap.build_application(clock, settings)
        lines = [f"{describe_plan(plan)}\n" for plan in preview_sweep(application.reconciler)]
    sys.stdout.writelines(lines or ["gpudesk has no active instance.\n"])


if __name__ == "__main__":
    main()
