"""Serve a local cloud with many ready instances, and count the calls to it. Run by `__main__` as a process.

The first line of the output is the description of the cloud. After that, each line of the input is answered with the
calls and bytes since the last one.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.isolation import clear_aws_environment, set_endpoint

clear_aws_environment(os.environ)
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from benchmarks.sweep.seed import Seeder  # noqa: E402
from chalicelib import bootstrap  # noqa: E402
from local.aws.core.cloud_server import CloudServer  # noqa: E402
from local.aws.core.local_cloud import LocalCloud  # noqa: E402
from local.clock import ManualClock  # noqa: E402
from local.machines.host.simulated import SimulatedMachines  # noqa: E402
from local.provisioning import provision  # noqa: E402

AGE = timedelta(hours=1)
"""Time between the beginning of the cloud and now: the instances have been ready for most of it."""


class CountedApp:
    """A WSGI application that counts the bytes of its responses."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Count the responses of this application."""
        self._app = app
        self.sent_bytes = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        body = list(self._app(environ, start_response))
        self.sent_bytes += sum(map(len, body))
        return body


def serve(count: int) -> None:
    """Serve a cloud with `count` ready instances until the input ends."""
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0) - AGE)
    machines = SimulatedMachines()
    cloud = LocalCloud(clock, machines)
    with CloudServer(cloud) as server:
        set_endpoint(os.environ, server.url)
        settings = provision()
        application = bootstrap.build_application(clock, settings)
        Seeder(cloud, machines, clock, application).seed(count)
        counted = CountedApp(server._server.app)  # type: ignore[union-attr]
        server._server.app = counted  # type: ignore[union-attr]
        calls, sent_bytes = Counter(cloud.calls), 0
        _print(
            url=server.url,
            now=clock.now().isoformat(),
            settings={
                "GPUDESK_INSTANCE_ROLE_ID": settings.instance_role_id,
                "GPUDESK_EMAIL_TOPIC_ARN": settings.email_topic_arn,
            },
        )
        for _ in sys.stdin:
            _print(calls=cloud.count_calls_since(calls), sent_bytes=counted.sent_bytes - sent_bytes)
            calls, sent_bytes = Counter(cloud.calls), counted.sent_bytes
    machines.close()


def _print(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
