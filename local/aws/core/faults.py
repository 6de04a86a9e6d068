"""Faults that tests and the admin API inject into calls to AWS.

cloud.faults.inject("RunInstances", "InsufficientInstanceCapacity", times=2)
cloud.faults.drop_response("RunInstances")       # takes effect, but the caller gets no response
cloud.faults.acknowledge_only("StopInstances")   # AWS accepts the call and does nothing
cloud.faults.end_launch("Client.InternalError")  # AWS accepts the launch and then ends it with this state reason
cloud.faults.inject_conflict()                   # another transaction holds the items
cloud.faults.cancel(reason="ThrottlingError")    # DynamoDB cancels a transaction
cloud.faults.inject_hang("GetItem")              # AWS accepts the call and never answers
cloud.faults.make_undeliverable()                # SSM cannot deliver the next command to its agent
cloud.faults.terminate_commands()                # SSM ends the next command before the agent takes it
cloud.faults.refresh_snap()                      # snapd replaces the agent while it runs the next command
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.aws.core.errors import CloudError
from local.aws.core.operations import require_operation
from local.aws.dynamodb.write_errors import THROTTLED_REASONS, build_cancellation, build_conflict

BuildError = Callable[[Any], Exception]
"""Function that returns the error of a rejected call, from moto's response object, which holds the request."""


@dataclass(frozen=True)
class Rejection:
    """Fault in which the call is rejected before it has any effect."""

    build_error: BuildError


@dataclass(frozen=True)
class DroppedResponse:
    """Fault in which the call takes effect and the connection breaks before the response is sent."""


@dataclass(frozen=True)
class Hang:
    """Fault in which the call is accepted, has no effect and is never answered."""


Fault = Rejection | DroppedResponse | Hang


class Faults:
    """Injected faults by operation ("RunInstances"), used in the order in which they were injected.

    A fault of an operation that the local cloud does not intercept raises ValueError.
    """

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._acknowledged_only: defaultdict[str, int] = defaultdict(int)
        self._undelivered: deque[str] = deque()
        self._snap_refresh_count = 0
        self._ended_launches: defaultdict[str, deque[str]] = defaultdict(deque)

    def inject(
        self, operation: str, error_code: str, message: str = "", status: int | None = None, times: int = 1
    ) -> None:
        """Reject the next calls of an operation of EC2, SSM or DynamoDB.

        :param status: HTTP status; None takes AWS's status for the code
        :param times: number of calls
        """
        text = message or f"{error_code}: fault injected into {operation}"
        self._add(operation, Rejection(lambda _: CloudError(error_code, text, status=status)), times)

    def drop_response(self, operation: str, times: int = 1) -> None:
        """Let the next calls take effect and break the connection instead of answering."""
        self._add(operation, DroppedResponse(), times)

    def inject_conflict(self, operation: str = "TransactWriteItems", times: int = 1) -> None:
        """Reject the next transactions or single writes as if another transaction held one of their items."""
        self._add(operation, Rejection(build_conflict), times)

    def cancel(self, operation: str = "TransactWriteItems", reason: str = "ThrottlingError", times: int = 1) -> None:
        """Cancel the next transactions, with a reason for their first item.

        :param reason: one of THROTTLED_REASONS
        """
        message = THROTTLED_REASONS[reason]
        self._add(operation, Rejection(lambda response: build_cancellation(response, reason, message)), times)

    def inject_hang(self, operation: str, times: int = 1) -> None:
        """Accept the next calls of an operation and never answer them."""
        self._add(operation, Hang(), times)

    def acknowledge_only(self, operation: str, times: int = 1) -> None:
        """Accept StopInstances, StartInstances or TerminateInstances, but do nothing to the instance.

        :param times: number of instances, not of calls
        """
        with self._lock:
            self._acknowledged_only[require_operation(operation)] += times

    def end_launch(self, state_reason: str, operation: str = "RunInstances", times: int = 1) -> None:
        """Accept RunInstances or StartInstances, and then end the instance with a state reason before it runs.

        :param state_reason: a code of `FAILED_STARTS` in `local/aws/ec2/tracked_instance.py`
        :param times: number of instances, not of calls
        """
        with self._lock:
            self._ended_launches[require_operation(operation)].extend([state_reason] * times)

    def make_undeliverable(self, times: int = 1) -> None:
        """End the next commands as Undeliverable: SSM does not reach the agent, although it looks online.

        https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
        """
        self._end_undelivered("Undeliverable", times)

    def terminate_commands(self, times: int = 1) -> None:
        """End the next commands as Terminated: SSM cancelled them before the agent took them."""
        self._end_undelivered("Terminated", times)

    def refresh_snap(self, times: int = 1) -> None:
        """Replace the agent while it runs the next commands: it is away, and never reports them.

        https://github.com/aws/amazon-ssm-agent/issues/430
        """
        with self._lock:
            self._snap_refresh_count += times

    def take_undelivered(self) -> str | None:
        """Return the detailed status of a command that is not delivered, and remove it; None without a fault."""
        with self._lock:
            return self._undelivered.popleft() if self._undelivered else None

    def take_snap_refresh(self) -> bool:
        """Return whether the agent is replaced during this command, and count the command if so."""
        with self._lock:
            self._snap_refresh_count -= (due := self._snap_refresh_count > 0)
            return due

    def count_pending(self) -> dict[str, int]:
        """Return how many faults have not happened yet, by operation."""
        with self._lock:
            pending = Counter({operation: len(faults) for operation, faults in self._faults.items()})
            pending.update(self._acknowledged_only)
            pending.update({operation: len(reasons) for operation, reasons in self._ended_launches.items()})
            pending["SendCommand"] += len(self._undelivered) + self._snap_refresh_count
            return dict(+pending)

    def clear(self) -> None:
        """Remove all faults that have not happened yet."""
        with self._lock:
            self._faults.clear()
            self._acknowledged_only.clear()
            self._undelivered.clear()
            self._snap_refresh_count = 0
            self._ended_launches.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault for this call and remove it; None without a fault."""
        with self._lock:
            pending = self._faults.get(operation)
            return pending.popleft() if pending else None

    def take_acknowledge_only(self, operation: str) -> bool:
        """Return whether the call must do nothing to this instance, and count the instance if so."""
        with self._lock:
            if not self._acknowledged_only.get(operation):
                return False
            self._acknowledged_only[operation] -= 1
            return True

    def _end_undelivered(self, details: str, times: int) -> None:
        with self._lock:
            self._undelivered.extend([details] * times)

    def take_end_launch(self, operation: str) -> str | None:
        """Return the state reason with which the next instance of the operation ends, and remove it."""
        with self._lock:
            pending = self._ended_launches.get(operation)
            return pending.popleft() if pending else None

    def _add(self, operation: str, fault: Fault, times: int) -> None:
        with self._lock:
            self._faults[require_operation(operation)].extend([fault] * times)
