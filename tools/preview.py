"""Print what a sweep would do now, and change nothing: `make preview`, in the local cloud `make preview LOCAL=URL`.

In the local cloud, the preview follows the clock of the cloud, and reads the heartbeats of its instance role.
"""

import http.client
import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import boto3

from chalicelib import bootstrap
from chalicelib.control.loop.dry_run import preview_sweep
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.common.untrusted_text import clean_output
from chalicelib.domain.instances.plan import describe_plan
from chalicelib.settings import InvalidSetting, read_settings
from local.clock import PacedClock
from tools.aws_account import describe_missing_cloud, exit_on_aws_errors, fail

CLOCK_TIMEOUT_SECONDS = 10


def main() -> None:
    """Print one line per active instance.

    :raises SystemExit: AWS cannot be used
    """
    with exit_on_aws_errors("make preview"):
        try:
            settings = read_settings()
        except InvalidSetting as error:
            fail(str(error))
        clock: Clock = SystemClock()
        if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
            clock = _read_cloud_clock(endpoint)
            role = boto3.client("iam").get_role(RoleName=settings.instance_profile)["Role"]
            settings = replace(settings, instance_role_id=role["RoleId"])
        application = bootstrap.build_application(clock, settings)
        lines = [f"{clean_output(describe_plan(plan))}\n" for plan in preview_sweep(application.reconciler)]
    sys.stdout.writelines(lines or ["gpudesk has no active instance.\n"])


def _read_cloud_clock(endpoint: str) -> Clock:
    """Return a clock that runs like that of the local cloud.

    :raises SystemExit: no local cloud answers at the endpoint
    """
    try:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=CLOCK_TIMEOUT_SECONDS)
        connection.request("GET", "/_local/clock")
        clock = json.load(connection.getresponse())
        connection.close()
        return PacedClock(clock["speed"], datetime.fromisoformat(clock["now"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        fail(describe_missing_cloud(endpoint))


if __name__ == "__main__":
    main()
