"""The one place where every call of EC2, SSM, SNS and DynamoDB passes: counted, faulted, one at a time.

moto's backends are not made for threads: under its threaded server a failing transaction puts old tables back and loses
the acknowledged writes of others. One lock for DynamoDB and one for all others make each call atomic, as AWS's are.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from botocore.exceptions import ConnectionClosedError
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.ec2.responses import EC2Response
from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse
from moto.sns.responses import SNSResponse
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import http_status
from local.aws.core.faults import DroppedResponse, Faults, Refusal
from local.aws.core.patches import Patches

CallAction = Callable[[Any], Any]

ROLE_KEY_PREFIX = "ASIA"
"""How the access keys of a role begin: on the local cloud, those of an instance profile."""


class RequestInterceptor:
    """Counts what is asked of AWS, and lets faults and the local cloud's own work happen around it.

    :param control: the lock of everything but DynamoDB
    :param data: the lock of DynamoDB
    :param tick: what must have happened before any of those answers, and after
    """

    def __init__(
        self,
        faults: Faults,
        control: AbstractContextManager[Any],
        data: AbstractContextManager[Any],
        tick: Callable[[], None],
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.machine_calls: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._current = threading.local()
        self._faults = faults
        self._control = control
        self._data = data
        self._tick = tick

    @property
    def operation(self) -> str | None:
        """The operation that this thread is answering."""
        return getattr(self._current, "operation", None)

    def patch(self, patches: Patches) -> None:
        self._patch(patches, EC2Response, "ec2", self._control, self._tick)
        self._patch(patches, SimpleSystemManagerResponse, "ssm", self._control, self._tick)
        self._patch(patches, Ec2InstanceConnectResponse, "ec2-instance-connect", self._control, self._tick)
        self._patch(patches, SNSResponse, "sns", self._control, self._tick)
        self._patch(patches, DynamoHandler, "dynamodb", self._data, _nothing)
        self._patch(patches, DynamoDBStreamsHandler, "dynamodbstreams", self._data, _nothing)

    def _patch(
        self,
        patches: Patches,
        handler: type[BaseResponse],
        service: str,
        lock: AbstractContextManager[Any],
        tick: Callable[[], None],
    ) -> None:
        def make(original: CallAction) -> CallAction:
            def call_action(response: Any) -> Any:
                operation = response._get_action()
                self._count(response, f"{service}:{operation}")
                with lock:
                    tick()
                    answer = self._answer(original, response, operation)
                    tick()
                return answer

            return call_action

        patches.wrap(handler, "call_action", make)
        patches.wrap(handler, "serialized", _with_status)

    def _answer(self, original: CallAction, response: Any, operation: str) -> Any:
        fault = self._faults.take(operation)
        if isinstance(fault, Refusal):
            setattr(response, camelcase_to_underscores(operation), _raiser(fault.error(response)))
        self._current.operation = operation
        try:
            answer = original(response)
        finally:
            self._current.operation = None
        if isinstance(fault, DroppedResponse):
            raise _broken_connection(response)
        return answer

    def _count(self, response: Any, name: str) -> None:
        is_machine = response.get_access_key().startswith(ROLE_KEY_PREFIX)
        with self._counting:
            (self.machine_calls if is_machine else self.calls)[name] += 1


def _nothing() -> None:
    """DynamoDB waits for no clock."""


def _raiser(error: Exception) -> Callable[[], Any]:
    def refuse() -> Any:
        raise error

    return refuse


def _broken_connection(response: Any) -> Exception:
    if response.is_werkzeug_request:
        return ConnectionResetError("the answer was ordered to be lost")
    return ConnectionClosedError(endpoint_url=response.uri)


def _with_status(original: Callable[[Any, ActionResult], Any]) -> Callable[[Any, ActionResult], Any]:
    def serialized(response: Any, action_result: ActionResult) -> Any:
        status, headers, body = original(response, action_result)
        error = action_result.result
        return (
            http_status(error, status) if isinstance(error, ServiceException) else status,
            headers,
            body,
        )

    return serialized
