"""Interceptor of every call to EC2, SSM, SNS, STS and DynamoDB. It counts calls, injects faults and runs one at a time.

moto's backends are not thread-safe: under its threaded server, a failing transaction restores old tables and loses
acknowledged writes of other calls. One lock for DynamoDB and one for all other services make each call atomic, as on
AWS.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.ec2.responses import EC2Response
from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse
from moto.servicequotas.responses import ServiceQuotasResponse
from moto.sns.responses import SNSResponse
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from local.aws.core.errors import CloudError, find_http_status
from local.aws.core.faults import DroppedResponse, Fault, Faults, Hang, Rejection
from local.aws.core.patches import Patches
from local.aws.pricing.service import PricingResponse
from local.machines.host.access_keys import MACHINE_KEY_PREFIX

CallAction = Callable[[Any], Any]
Authorize = Callable[[Any, str, str], None]
"""Function that checks a call of a service's operation, and raises CloudError."""

HANG_SECONDS = 120.0
"""Twice the read timeout that the SDK has by default."""


class RequestInterceptor:
    """Wrapper of moto's calls, which also advances the local cloud before and after each of them.

    :param control: lock of all services but DynamoDB
    :param data: lock of DynamoDB
    :param tick: applies everything that is due; called around each call that uses `control`
    :param authorize: checks the caller of each call
    :ivar calls: number of calls by operation ("ec2:RunInstances"), without those of instances
    :ivar machine_calls: number of calls by operation, made with an instance's role
    """

    def __init__(
        self,
        faults: Faults,
        control: AbstractContextManager[Any],
        data: AbstractContextManager[Any],
        tick: Callable[[], None],
        authorize: Authorize,
    ) -> None:
        """Start without counted calls."""
        self.calls: Counter[str] = Counter()
        self.machine_calls: Counter[str] = Counter()
        self._count_lock = threading.Lock()
        self._closed = threading.Event()
        self._thread_state = threading.local()
        self._faults = faults
        self._control_lock = control
        self._data_lock = data
        self._tick = tick
        self._authorize = authorize

    @property
    def current_operation(self) -> str | None:
        """Return the operation that this thread is answering, or None."""
        return getattr(self._thread_state, "operation", None)

    def patch(self, patches: Patches) -> None:
        """Wrap the call dispatch of each service in moto. That of all others only checks the caller."""
        patches.wrap(BaseResponse, "call_action", self._check_others)
        patches.wrap(BaseResponse, "serialized", _set_aws_status)
        self._patch_service(patches, EC2Response, "ec2", self._control_lock, self._tick)
        self._patch_service(patches, SimpleSystemManagerResponse, "ssm", self._control_lock, self._tick)
        self._patch_service(patches, Ec2InstanceConnectResponse, "ec2-instance-connect", self._control_lock, self._tick)
        self._patch_service(patches, ServiceQuotasResponse, "service-quotas", self._control_lock, self._tick)
        self._patch_service(patches, PricingResponse, "pricing", self._control_lock, self._tick)
        self._patch_service(patches, TokenResponse, "sts", self._control_lock, self._tick)
        self._patch_service(patches, SNSResponse, "sns", self._control_lock, self._tick)
        self._patch_service(patches, DynamoHandler, "dynamodb", self._data_lock, _skip_tick)
        self._patch_service(patches, DynamoDBStreamsHandler, "dynamodbstreams", self._data_lock, _skip_tick)

    def _patch_service(
        self,
        patches: Patches,
        handler: type[BaseResponse],
        service: str,
        lock: AbstractContextManager[Any],
        tick: Callable[[], None],
    ) -> None:
        def wrap_call(original: CallAction) -> CallAction:
            def call_action(response: Any) -> Any:
                operation = response._get_action()
                self._count_call(response, f"{service}:{operation}")
                fault = self._faults.take(operation)
                if isinstance(fault, Hang):
                    self._hang(response)
                with lock:
                    tick()
                    result = self._call_with_fault(original, response, service, operation, fault)
                    tick()
                return result

            return call_action

        patches.wrap(handler, "call_action", wrap_call)

    def _check_others(self, original: CallAction) -> CallAction:
        def call_action(response: Any) -> Any:
            if self.current_operation is None:
                operation = response._get_action()
                try:
                    self._authorize(response, response.boto3_service_name, operation)
                except CloudError as refusal:
                    setattr(response, camelcase_to_underscores(operation), _build_raiser(refusal))
            return original(response)

        return call_action

    def _hang(self, response: Any) -> NoReturn:
        """Give no answer for longer than any client waits, then break the connection. Other calls continue.

        In one process, no socket is between client and AWS, so the client's timeout happens at once.
        """
        if response.is_werkzeug_request:
            self._closed.wait(HANG_SECONDS)
            raise _build_connection_error(response)
        raise ReadTimeoutError(endpoint_url=response.uri)

    def close(self) -> None:
        """End the calls that hang."""
        self._closed.set()

    def _call_with_fault(
        self, original: CallAction, response: Any, service: str, operation: str, fault: Fault | None
    ) -> Any:
        try:
            self._authorize(response, service, operation)
            error = fault.build_error(response) if isinstance(fault, Rejection) else None
        except CloudError as refusal:
            error = refusal
        if error is not None:
            setattr(response, camelcase_to_underscores(operation), _build_raiser(error))
        self._thread_state.operation = operation
        try:
            result = original(response)
        finally:
            self._thread_state.operation = None
        if isinstance(fault, DroppedResponse):
            raise _build_connection_error(response)
        return result

    def _count_call(self, response: Any, name: str) -> None:
        is_machine = response.access_key.startswith(MACHINE_KEY_PREFIX)
        with self._count_lock:
            (self.machine_calls if is_machine else self.calls)[name] += 1


def _skip_tick() -> None:
    """Do nothing: DynamoDB does not depend on the clock."""


def _build_raiser(error: Exception) -> Callable[[], Any]:
    def refuse() -> Any:
        raise error

    return refuse


def _build_connection_error(response: Any) -> Exception:
    if response.is_werkzeug_request:
        return ConnectionResetError("An injected fault dropped the response.")
    return ConnectionClosedError(endpoint_url=response.uri)


def _set_aws_status(original: Callable[[Any, ActionResult], Any]) -> Callable[[Any, ActionResult], Any]:
    def serialized(response: Any, action_result: ActionResult) -> Any:
        status, headers, body = original(response, action_result)
        error = action_result.result
        return (
            find_http_status(error, status) if isinstance(error, ServiceException) else status,
            headers,
            body,
        )

    return serialized
