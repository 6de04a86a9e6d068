"""Faults on order: this call, this error, this many times.

cloud.faults.order("RunInstances", "InsufficientInstanceCapacity", times=2)
cloud.faults.lose_answer("RunInstances")        # it took effect, and the caller will not know
cloud.faults.acknowledge_only("StopInstances")  # AWS says yes and does nothing
cloud.faults.conflict()                         # another transaction holds the items
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.exceptions import TransactionCanceledException

from local.aws.core.errors import CloudError

MakeError = Callable[[Any], Exception]
"""From moto's response object, which holds the request, to the error it is refused with."""


@dataclass(frozen=True)
class Refusal:
    """The call is refused before it has any effect."""

    error: MakeError


@dataclass(frozen=True)
class DroppedResponse:
    """The call takes effect; the connection breaks before the answer is sent."""


Fault = Refusal | DroppedResponse


class Faults:
    """What was ordered, per operation ("RunInstances"), first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._acknowledged_only: defaultdict[str, int] = defaultdict(int)

    def inject(
        self, operation: str, error_code: str, message: str = "", status: int | None = None, times: int = 1
    ) -> None:
        """Refuse the next calls of an operation of EC2, SSM or DynamoDB.

        :param status: the HTTP status; AWS's own for the code where None
        """
        text = message or f"{error_code}: ordered for {operation}"
        self._add(operation, Refusal(lambda _: CloudError(error_code, text, status=status)), times)

    def drop_response(self, operation: str, times: int = 1) -> None:
        """Let the next calls take effect and break the connection instead of answering."""
        self._add(operation, DroppedResponse(), times)

    def conflict(self, operation: str = "TransactWriteItems", times: int = 1) -> None:
        """Refuse the next transactions or writes as if another transaction held one of their items."""
        self._add(operation, Refusal(_conflict), times)

    def acknowledge_only(self, operation: str, times: int = 1) -> None:
        """Answer StopInstances, StartInstances or TerminateInstances as done, and leave the instance as it is.

        Counted once per instance.
        """
        with self._lock:
            self._acknowledged_only[operation] += times

    def clear(self) -> None:
        """Forget what was ordered and has not happened yet."""
        with self._lock:
            self._ordered.clear()
            self._acknowledged_only.clear()

    def take(self, operation: str) -> Fault | None:
        """The fault for this call, used up."""
        with self._lock:
            ordered = self._ordered.get(operation)
            return ordered.popleft() if ordered else None

    def take_acknowledgement(self, operation: str) -> bool:
        """Whether this instance is only to be told that it was done."""
        with self._lock:
            if not self._acknowledged_only.get(operation):
                return False
            self._acknowledged_only[operation] -= 1
            return True

    def _add(self, operation: str, fault: Fault, times: int) -> None:
        with self._lock:
            self._ordered[operation].extend([fault] * times)


def _conflict(response: Any) -> Exception:
    items = response.params.get("TransactItems")
    reason = "Transaction is ongoing for the item"
    if items is None:
        return CloudError("TransactionConflictException", reason)
    others = [(None, None, None)] * (len(items) - 1)
    return TransactionCanceledException([("TransactionConflict", reason, None), *others])
