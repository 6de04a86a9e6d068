"""The probe's beat: sensors, AWS's time, folding, and the one write."""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.domain.activity.evidence import Evidence, State
from ssm_documents.probe.heartbeat import Heartbeat, Identity, as_item, as_text, shortened
from ssm_documents.probe.imds import Imds
from ssm_documents.probe.local_http import Answer
from ssm_documents.probe.probe import Probe
from ssm_documents.probe.sensors import Reading, Sensor, Watched, read_all

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = Reading(State.QUIET, "quiet")
ACTIVE = Reading(State.ACTIVE, "busy")
ME = Identity(instance_id="i-1", boot_id="boot-1")


class Scripted:
    """A sensor whose readings, or errors, are given beforehand; the last one stays."""

    def __init__(self, name: str, *readings: Reading | Exception) -> None:
        self.name = name
        self._readings = list(readings)

    def read(self) -> Reading:
        reading = self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]
        if isinstance(reading, Exception):
            raise reading
        return reading


class Hanging:
    """A sensor that does not come back until it is let go."""

    name = "hanging"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.looks = 0

    def read(self) -> Reading:
        self.looks += 1
        self.let_go.wait(timeout=60)
        return QUIET


class Minutes:
    """A time that goes on by a minute at each question, or is not to be had."""

    def __init__(self, *out_at: int) -> None:
        self._asked = -1
        self._out_at = out_at

    def now(self) -> datetime:
        self._asked += 1
        if self._asked in self._out_at:
            raise OSError("no route to 169.254.169.254")
        return START + self._asked * MINUTE


class Desk:
    """Where heartbeats go; refuses those of the beats that are named."""

    def __init__(self, *refused: int) -> None:
        self.heard: list[tuple[datetime, dict[str, Evidence]]] = []
        self._refused = refused
        self._beats = -1

    def send(self, at: datetime, signals: Mapping[str, Evidence]) -> None:
        self._beats += 1
        if self._beats in self._refused:
            raise ConnectionError("offline")
        self.heard.append((at, dict(signals)))


def probe(*sensors: Sensor, time: Minutes | None = None, desk: Desk | None = None) -> Probe:
    return Probe([Watched(each, 0.05) for each in sensors], time or Minutes(), desk or Desk(), "boot-1")


def test_each_beat_folds_what_every_sensor_sees() -> None:
    desk = Desk()
    one = probe(Scripted("gpu", QUIET), Scripted("jupyter", QUIET, ACTIVE, QUIET), desk=desk)
    assert [one.beat() for _ in range(3)] == [True] * 3
    at, signals = desk.heard[-1]
    assert at == START + 2 * MINUTE
    assert (signals["gpu"].samples, signals["gpu"].since) == (3, START)
    assert (signals["jupyter"].samples, signals["jupyter"].since) == (1, START + 2 * MINUTE)


def test_a_sensor_that_raises_is_unknown_and_alone_in_it() -> None:
    one = probe(Scripted("gpu", RuntimeError("driver gone")), Scripted("jupyter", QUIET))
    assert one.beat()
    assert one.evidence["gpu"].state is State.UNKNOWN
    assert one.evidence["gpu"].reason == "the sensor failed: RuntimeError: driver gone"
    assert one.evidence["jupyter"].state is State.QUIET


def test_a_sensor_that_hangs_is_unknown_and_is_not_asked_again_meanwhile() -> None:
    hanging = Hanging()
    one = probe(hanging, Scripted("jupyter", QUIET))
    assert one.beat()
    assert one.beat()
    assert one.evidence["hanging"].state is State.UNKNOWN
    assert "has not answered within 0.05 s" in one.evidence["hanging"].reason
    assert one.evidence["jupyter"].samples == 2
    assert hanging.looks == 1
    hanging.let_go.set()


def test_a_sensor_that_comes_back_is_heard_again() -> None:
    hanging = Hanging()
    watched = Watched(hanging, 0.05)
    assert read_all([watched])["hanging"].state is State.UNKNOWN
    hanging.let_go.set()
    watched = Watched(hanging, 10)
    assert read_all([watched])["hanging"] == QUIET


def test_offline_the_probe_goes_on_folding() -> None:
    desk = Desk(1, 2)
    one = probe(Scripted("gpu", QUIET), desk=desk)
    assert [one.beat() for _ in range(4)] == [True, False, False, True]
    assert desk.heard[-1][1]["gpu"].samples == 4
    assert desk.heard[-1][1]["gpu"].since == START


def test_without_the_time_nothing_is_folded_and_a_long_outage_voids() -> None:
    short = probe(Scripted("gpu", QUIET), time=Minutes(1, 2))
    assert [short.beat() for _ in range(4)] == [True, False, False, True]
    assert short.evidence["gpu"].since == START
    long = probe(Scripted("gpu", QUIET), time=Minutes(1, 2, 3))
    assert [long.beat() for _ in range(5)] == [True, False, False, False, True]
    assert long.evidence["gpu"].since == START + 4 * MINUTE


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="heartbeats",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def evidence(reason: str = "all quiet") -> Evidence:
    return Evidence(State.QUIET, START, START + 9 * MINUTE, 10, MINUTE, reason, "boot-1")


def test_a_heartbeat_is_one_update_of_its_own_item(table: Any) -> None:
    key = "AROA:i-1"
    table.put_item(TableName="heartbeats", Item={"id": {"S": key}, "keep_until": {"S": "later"}})
    Heartbeat(table.update_item, "heartbeats", key, ME).send(START + 9 * MINUTE, {"gpu": evidence()})
    assert table.get_item(TableName="heartbeats", Key={"id": {"S": key}})["Item"] == {
        "id": {"S": key},
        "keep_until": {"S": "later"},
        "at": {"S": "2026-11-23T12:09:00Z"},
        "boot_id": {"S": "boot-1"},
        "instance_id": {"S": "i-1"},
        "probe": {"S": "1"},
        "signals": {
            "M": {
                "gpu": {
                    "M": {
                        "state": {"S": "quiet"},
                        "since": {"S": "2026-11-23T12:00:00Z"},
                        "at": {"S": "2026-11-23T12:09:00Z"},
                        "samples": {"N": "10"},
                        "largest_gap_seconds": {"N": "60"},
                        "reason": {"S": "all quiet"},
                    }
                }
            }
        },
    }


def test_a_heartbeat_never_makes_an_item(table: Any) -> None:
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        Heartbeat(table.update_item, "heartbeats", "AROA:i-2", ME).send(START, {"gpu": evidence()})
    assert table.scan(TableName="heartbeats")["Items"] == []


def test_a_heartbeat_stays_within_a_kilobyte_whatever_the_reasons() -> None:
    long = {name: as_item(evidence("ü" * 10_000)) for name in ("gpu", "jupyter")}
    size = sum(
        len(name) + sum(len(key) + len(next(iter(value.values())).encode()) for key, value in item.items())
        for name, item in long.items()
    )
    rest = len("AROAEXAMPLEEXAMPLEEXAM:i-0123456789abcdef0") + 36 + 19 + 20 + 50
    assert size + rest <= 1024


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("plain", "plain"),
        ("two\n lines\there", "two lines here"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 117 + "..."),
        ("é" * 60, "é" * 60),
        ("é" * 61, "é" * 58 + "..."),
    ],
)
def test_reasons_are_cut_to_their_bytes(text: str, short: str) -> None:
    assert shortened(text) == short
    assert len(shortened(text).encode()) <= 120


def test_times_are_written_in_utc_to_the_second() -> None:
    assert as_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"


class Metadata:
    """The metadata service as a function."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.asked: list[str] = []

    def __call__(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        self.asked.append(f"{method} {url} {dict(headers)}")
        return Answer(b"i-1" if url.endswith("instance-id") else b"t0ken", self._headers)


def test_the_time_is_that_of_the_metadata_service() -> None:
    metadata = Metadata({"date": "Mon, 23 Nov 2026 12:00:00 GMT"})
    assert Imds("http://imds/latest", metadata).now() == START
    assert metadata.asked == ["PUT http://imds/latest/api/token {'X-aws-ec2-metadata-token-ttl-seconds': '21600'}"]


def test_a_metadata_service_without_a_date_gives_no_time() -> None:
    with pytest.raises(ValueError, match="no date"):
        Imds("http://imds/latest", Metadata({})).now()


def test_the_instance_id_is_asked_with_a_token() -> None:
    metadata = Metadata({})
    assert Imds("http://imds/latest", metadata).instance_id() == "i-1"
    assert metadata.asked[1] == ("GET http://imds/latest/meta-data/instance-id {'X-aws-ec2-metadata-token': 't0ken'}")
