"""EC2's warning in the metadata: people see it at once, and the next heartbeat has it."""

from urllib.error import HTTPError

import pytest

from ssm_documents.probe import interval
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.interruption_watch import InterruptionWatch
from ssm_documents.probe.interval import run_every
from ssm_documents.probe.local_http import Response
from ssm_documents.probe.notifier import Notifier
from ssm_documents.probe.user_messenger import DeliveryCount

WARNING = '{"action": "stop", "time": "2026-11-23T12:02:00Z"}'


class Metadata:
    """Fake metadata service. A path without a text is answered with 404."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def __call__(self, method: str, url: str, headers: object) -> Response:
        name = url.rpartition("/")[2].replace("-", "_")
        if name not in self.texts:
            raise HTTPError(url, 404, "Not Found", None, None)  # type: ignore[arg-type]
        return Response(self.texts[name].encode(), {})


class Terminals:
    """Recipients of messages."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def notify(self, text: str) -> DeliveryCount:
        self.texts.append(text)
        return DeliveryCount(terminals=1)


def watch(metadata: Metadata) -> tuple[InterruptionWatch, Notifier, Terminals]:
    terminals = Terminals()
    notifier = Notifier(terminals)
    return InterruptionWatch(Imds("http://imds/latest", metadata), notifier), notifier, terminals


def test_new_warning_is_shown_once_and_kept_for_the_heartbeats() -> None:
    metadata = Metadata(token="t", instance_life_cycle="spot")
    interruption_watch, notifier, terminals = watch(metadata)
    assert not interruption_watch.poll()
    metadata.texts["instance_action"] = WARNING
    assert interruption_watch.poll()
    assert not interruption_watch.poll()
    assert (len(terminals.texts), notifier.interruption) == (1, "stop 2026-11-23T12:02:00Z")
    del metadata.texts["token"]
    assert not interruption_watch.poll()
    assert notifier.interruption is not None


def test_on_demand_instance_is_not_watched() -> None:
    interruption_watch, _, terminals = watch(
        Metadata(token="t", instance_life_cycle="on-demand", instance_action=WARNING)
    )
    assert not interruption_watch.poll()
    assert terminals.texts == []


def test_new_warning_sends_the_next_heartbeat_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval, "POLL_SECONDS", 0)
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_every(3600, call, lambda: True)
