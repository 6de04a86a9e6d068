"""Network signal: each real interface against the threshold, without gpudesk's own connections."""

import os

import psutil

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals import network
from ssm_documents.probe.signals.network import NetworkSensor
from ssm_documents.probe.signals.processes import find_gpudesk_pids, list_processes
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets
from tests.support.sensor_fixtures import KIB, ByteCounters, build_stopwatch, read_sensor


class Traffic(ByteCounters):
    """Bytes by interface, and bytes of gpudesk's own connections, which are unknown without `ss`."""

    def __init__(self) -> None:
        super().__init__("eth0", "ens5")
        self.excluded: dict[tuple[str, str], float] | None = {("eth0", "a"): 0.0}

    def sensor(self) -> NetworkSensor:
        return NetworkSensor(lambda: self.bytes_by_name, lambda: self.excluded, build_stopwatch())


def test_busiest_interface_decides_and_is_named() -> None:
    traffic = Traffic()
    sensor = traffic.sensor()
    traffic.count_minute(eth0=60, ens5=60)
    assert read_sensor(sensor).state is SignalState.QUIET
    traffic.count_minute(ens5=100)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "ens5 at 100 KiB/s")


def test_traffic_through_the_tunnel_of_a_session_is_excluded() -> None:
    traffic = Traffic()
    sensor = traffic.sensor()
    traffic.count_minute(eth0=150)
    traffic.excluded = {("eth0", "a"): 50.0 * KIB * 60, ("eth0", "new"): 60.0 * KIB * 60, ("gone", "b"): 1.0}
    assert read_sensor(sensor) == Reading(SignalState.QUIET, "eth0 at 40 KiB/s")
    traffic.count_minute(ens5=150)
    traffic.excluded = {("eth0", "a"): 200.0 * KIB * 60}
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "ens5 at 150 KiB/s")


def test_reading_without_ss_subtracts_nothing_then_and_not_too_much_later() -> None:
    traffic = Traffic()
    sensor = traffic.sensor()
    traffic.excluded = None
    traffic.count_minute(eth0=150)
    assert read_sensor(sensor).state is SignalState.ACTIVE
    traffic.excluded = {("eth0", "a"): 10.0**12}
    traffic.count_minute(eth0=150)
    assert read_sensor(sensor).state is SignalState.ACTIVE


def test_instance_without_outside_interface_is_quiet() -> None:
    sensor = NetworkSensor(dict, dict, build_stopwatch())
    assert read_sensor(sensor) == Reading(SignalState.QUIET, "there is no network interface that leads outside")


def test_real_interfaces_are_those_that_lead_outside() -> None:
    assert not [name for name in network.read_interface_bytes() if name == "lo" or name.startswith(("docker", "veth"))]
    assert set(network.read_interface_bytes()) <= set(psutil.net_io_counters(pernic=True))


def test_excluded_connections_are_those_of_the_probe_and_the_agent_to_other_computers() -> None:
    def sockets() -> list[Socket]:
        return [
            Socket("a", False, "127.0.0.1:1", "52.1.2.3:443", frozenset({7}), 10, 5),
            Socket("b", False, "127.0.0.1:2", "52.1.2.3:443", frozenset({8}), 100, 50),
            Socket("c", False, "127.0.0.1:3", "127.0.0.1:8888", frozenset({7}), 1000, 500),
            Socket("d", False, "192.0.2.9:4", "52.1.2.3:443", frozenset({7}), 10_000, 5000),
        ]

    assert network.read_gpudesk_bytes(sockets, lambda: frozenset({7})) == {("lo", "a"): 15.0}


def test_without_ss_the_excluded_connections_are_unknown() -> None:
    def missing() -> list[Socket]:
        raise FileNotFoundError("ss")

    assert network.read_gpudesk_bytes(missing) is None
    assert os.getpid() in find_gpudesk_pids(list_processes())


LISTING = """\
ESTAB 0 0 10.0.0.5%ens5:22 1.2.3.4:5 users:(("a b",pid=9,fd=4),("sshd",pid=10,fd=4)) ino:1 sk:1f <-> ts bytes_sent:9 \
bytes_acked:8 bytes_received:7 segs_out:1
LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=3)) ino:2 sk:20 v6only:0 <-> cubic cwnd:10
ESTAB 0 0 [::ffff:10.0.0.5]:22 [::ffff:10.0.0.5]:6 ino:3 sk:21 <-> ts
ESTAB 0 0 127.0.0.1:6 127.0.0.53:53 ino:4 sk:23 <-> ts
ESTAB sk:22
State Recv-Q
"""


def test_output_of_ss_is_parsed() -> None:
    first, second, third, fourth = list_tcp_sockets(lambda: LISTING)
    assert first == Socket("1f", False, "10.0.0.5%ens5:22", "1.2.3.4:5", frozenset({9, 10}), 7, 8)
    assert (first.address, first.port, first.is_local) == ("10.0.0.5", "22", False)
    assert (second.is_listening, second.address, second.port) == (True, "::", "22")
    assert (third.address, third.is_local, third.pids) == ("10.0.0.5", True, frozenset())
    assert fourth.is_local
