"""The operations that can have a fault: those of the services whose calls the local cloud intercepts."""

import functools

import botocore.session

FAULTY_SERVICES = (
    "ec2",
    "ssm",
    "ec2-instance-connect",
    "service-quotas",
    "pricing",
    "sns",
    "sts",
    "dynamodb",
    "dynamodbstreams",
)

CHANNEL_OPERATIONS = ("OpenDataChannel",)
"""Operations of `ssmmessages`, which the SDK does not have."""


@functools.cache
def list_operations() -> frozenset[str]:
    """Return the operations of the services that the local cloud intercepts."""
    session = botocore.session.get_session()
    names = {name for service in FAULTY_SERVICES for name in session.get_service_model(service).operation_names}
    return frozenset(names.union(CHANNEL_OPERATIONS))


def require_operation(name: str) -> str:
    """Return the name of an operation that can have a fault.

    :raises ValueError: no intercepted service has this operation
    """
    if name not in list_operations():
        raise ValueError(f"The local cloud can inject no fault into {name}: {', '.join(FAULTY_SERVICES)} lack it.")
    return name
