"""Jupyter signal: readings from the states of servers."""

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.jupyter import JupyterSensor
from ssm_documents.probe.signals.jupyter_servers import (
    Server,
    UnreachableServer,
)
from ssm_documents.probe.signals.jupyter_state import ServerState

LAB = Server(4242, 1, "jupyter-lab")
OTHER = Server(4343, 2, "jupyter-notebook")


class Servers:
    """Servers with their states. An unreachable server has a reason instead."""

    def __init__(self) -> None:
        self.answers: dict[Server, ServerState | str] = {}

    def query(self, server: Server) -> ServerState:
        answer = self.answers[server]
        if isinstance(answer, str):
            raise UnreachableServer(answer)
        return answer


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def sensor(servers: Servers) -> JupyterSensor:
    return JupyterSensor(lambda: list(servers.answers), servers.query)


def resting(**activity: str) -> ServerState:
    kernels = {name: moment for name, moment in activity.items() if not name.startswith("terminal")}
    return ServerState(
        last_activity={name.replace("_", " "): moment for name, moment in activity.items()},
        kernel_names={name: f"kernel {name}.ipynb" for name in kernels},
        live_counts=Counter(kernels=len(kernels), terminals=len(activity) - len(kernels)),
    )


def read(sensor: JupyterSensor) -> Reading:
    return sensor.read(Thresholds())


def test_instance_without_a_server_is_quiet(sensor: JupyterSensor) -> None:
    assert read(sensor) == Reading(SignalState.QUIET, "no Jupyter server runs")


def test_server_without_kernels_is_quiet(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting()
    assert read(sensor) == Reading(SignalState.QUIET, "no kernel is running")


def test_busy_kernel_on_any_server_is_active(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    servers.answers[OTHER] = replace(resting(b="t1", terminal_1="t1"), busy_kernel="kernel train.ipynb")
    live_counts = {"kernels": 2, "terminals": 1}
    assert read(sensor) == Reading(SignalState.ACTIVE, "kernel train.ipynb is running a cell", live_counts)


def test_unused_kernels_are_quiet_and_counted(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="2091-01-01T00:00:00Z", b="t1")
    assert [read(sensor) for _ in range(2)] == [
        Reading(SignalState.QUIET, "no kernel is busy (2 running)", {"kernels": 2})
    ] * 2


def test_short_cell_between_two_readings_is_active_once(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    read(sensor)
    servers.answers[LAB] = resting(a="t2")
    assert read(sensor) == Reading(SignalState.ACTIVE, "kernel a.ipynb was used", {"kernels": 1})
    assert read(sensor).state is SignalState.QUIET


def test_used_terminal_between_two_readings_is_active(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(terminal_1="t1")
    read(sensor)
    servers.answers[LAB] = resting(terminal_1="t2")
    assert read(sensor) == Reading(SignalState.ACTIVE, "Jupyter terminal 1 was used", {"terminals": 1})


def test_new_kernel_since_the_last_reading_is_active(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting()
    read(sensor)
    servers.answers[LAB] = resting(a="t1")
    assert read(sensor).state is SignalState.ACTIVE


def test_new_server_has_no_earlier_activity(sensor: JupyterSensor, servers: Servers) -> None:
    read(sensor)
    servers.answers[LAB] = resting(a="t1")
    assert [read(sensor).state for _ in range(2)] == [SignalState.QUIET] * 2


def test_unreachable_server_is_unknown_and_named(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    servers.answers[OTHER] = "it answers 403 Forbidden"
    reason = "jupyter-notebook (4343): it answers 403 Forbidden"
    assert read(sensor) == Reading(SignalState.UNKNOWN, reason, {"kernels": 1})


def test_active_server_is_active_although_another_is_unreachable(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[OTHER] = "it does not answer"
    servers.answers[LAB] = replace(resting(a="t1"), busy_kernel="kernel a.ipynb")
    assert read(sensor).state is SignalState.ACTIVE


def test_unreadable_part_is_unknown_unless_another_part_is_active(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = partly = replace(resting(a="t1"), problem="terminal 1 has no last_activity")
    unknown = Reading(SignalState.UNKNOWN, "jupyter-lab (4242): terminal 1 has no last_activity", {"kernels": 1})
    assert [read(sensor), read(sensor)] == [unknown] * 2
    servers.answers[LAB] = replace(partly, busy_kernel="kernel a.ipynb")
    assert read(sensor).state is SignalState.ACTIVE


def test_part_that_is_readable_again_is_not_new(sensor: JupyterSensor, servers: Servers) -> None:
    for state in (
        resting(a="t1", terminal_1="t1"),
        replace(resting(a="t1"), problem="x"),
        resting(a="t1", terminal_1="t1"),
    ):
        servers.answers[LAB] = state
        reading = read(sensor)
    assert reading.state is SignalState.QUIET
    servers.answers[LAB] = resting(a="t1", terminal_1="t2")
    assert read(sensor).state is SignalState.ACTIVE


def test_activity_while_a_server_was_unreachable_is_detected_later(sensor: JupyterSensor, servers: Servers) -> None:
    for answer in (resting(a="t1"), "it does not answer", resting(a="t2")):
        servers.answers[LAB] = answer
        reading = read(sensor)
    assert reading.state is SignalState.ACTIVE


def test_too_many_servers_are_unknown(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers.update({Server(pid, 1, "jupyter-lab"): resting() for pid in range(51)})
    assert read(sensor).state is SignalState.UNKNOWN


@pytest.mark.parametrize("server_ended", [True, False])
def test_busy_kernel_that_is_gone_is_named_until_another_is_busy(
    sensor: JupyterSensor, servers: Servers, server_ended: bool
) -> None:
    busy = ServerState({"k1": "t1"}, {"k1": "kernel train.ipynb"}, "kernel train.ipynb", ["k1"], Counter(kernels=1))
    servers.answers = {LAB: busy}
    assert read(sensor).state is SignalState.ACTIVE
    servers.answers = {} if server_ended else {LAB: ServerState({}, {})}
    read(sensor)
    quiet = read(sensor)
    assert quiet.state is SignalState.QUIET
    assert quiet.reason.endswith("; kernel train.ipynb ended while it ran a cell")
    servers.answers = {LAB: busy}
    read(sensor)
    servers.answers = {LAB: resting(k1="t2")}
    read(sensor)
    assert read(sensor).reason == "no kernel is busy (1 running)"


def test_kernel_that_cannot_be_read_is_not_gone(sensor: JupyterSensor, servers: Servers) -> None:
    busy = ServerState({"k1": "t1"}, {"k1": "kernel train.ipynb"}, "kernel train.ipynb", ["k1"], Counter(kernels=1))
    servers.answers = {LAB: busy}
    read(sensor)
    servers.answers = {LAB: "it does not answer"}
    assert "ended" not in read(sensor).reason
    servers.answers = {LAB: resting(k1="t1")}
    read(sensor)
    assert read(sensor).reason == "no kernel is busy (1 running)"
