"""Serve a local cloud with many ready instances, and count the calls to it. Run by `__main__` as a process.

The first line of the output is the description of the cloud. After that, each line of the input is answered with the
calls and bytes since the last one.
"""

import io
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
from chalicelib.settings import read_settings  # noqa: E402
from local.aws.core.cloud_server import CloudServer  # noqa: E402
from local.aws.core.local_cloud import LocalCloud  # noqa: E402
from local.aws.core.unsupported_calls import SERVICES  # noqa: E402
from local.clock import ManualClock  # noqa: E402
from local.machines.host.simulated import SimulatedMachines  # noqa: E402
from local.plugin.signing import CREDENTIAL_SCOPE  # noqa: E402
from local.provisioning import provision_variables  # noqa: E402

CUSTODIAN_SERVICES = frozenset({"monitoring", "logs"})
"""Signing names of the services that Cloud Custodian needs besides those of the local cloud."""

AGE = timedelta(hours=1)
"""Time between the beginning of the cloud and now: the instances have been ready for most of it."""


class CountedApp:
    """A WSGI application that counts its requests and the bytes of its responses.

    It keeps the descriptions of EC2 instances: moto needs seconds for a page, and no sweep here changes an instance.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], count: Callable[[str], None]) -> None:
        """Count the responses of this application.

        :param count: counts a call that the application does not see
        """
        self._app = app
        self._count = count
        self.request_count = 0
        self.sent_bytes = 0
        self._kept: dict[tuple[str | None, bytes], tuple[Any, list[bytes]]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        request = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(request)
        if request.startswith(b"Action=DescribeInstances&"):
            body = self._describe(request, environ, start_response)
        else:
            body = list(self._app(environ, start_response))
        self.request_count += 1
        self.sent_bytes += sum(map(len, body))
        return body

    def _describe(self, request: bytes, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        scope = CREDENTIAL_SCOPE.search(environ["HTTP_AUTHORIZATION"])
        assert scope is not None
        key = scope["region"], request
        if key in self._kept:
            self._count("ec2:DescribeInstances")
        else:
            heads: list[Any] = []
            body = list(self._app(environ, lambda *head: heads.append(head)))
            self._kept[key] = heads[-1], body
        head, body = self._kept[key]
        start_response(*head)
        return body


def serve(count: int) -> None:
    """Serve a cloud with `count` ready instances until the input ends."""
    clock = ManualClock(datetime.now(UTC).replace(microsecond=0) - AGE)
    machines = SimulatedMachines()
    cloud = LocalCloud(clock, machines)
    with CloudServer(cloud, services=CUSTODIAN_SERVICES | SERVICES) as server:
        set_endpoint(os.environ, server.url)
        variables = provision_variables()
        application = bootstrap.build_application(clock, read_settings(variables))
        index_pages = Seeder(cloud, machines, clock, application).seed(count)
        counted = CountedApp(server._server.app, lambda call: cloud.calls.update([call]))  # type: ignore[union-attr]
        server._server.app = counted  # type: ignore[union-attr]
        calls, requests, sent_bytes = Counter(cloud.calls), 0, 0
        _print(
            url=server.url,
            now=clock.now().isoformat(),
            index_pages=index_pages,
            settings=variables,
        )
        for _ in sys.stdin:
            _print(
                calls=cloud.count_calls_since(calls),
                requests=counted.request_count - requests,
                sent_bytes=counted.sent_bytes - sent_bytes,
            )
            calls, requests, sent_bytes = Counter(cloud.calls), counted.request_count, counted.sent_bytes
    machines.close()


def _print(**values: Any) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
