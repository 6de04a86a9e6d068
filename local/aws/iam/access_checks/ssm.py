"""Access checks of SSM and of the data channels of Session Manager.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
"""

from collections.abc import Iterable, Iterator, Mapping

from local.aws.iam.access_checks.call import (
    AccessCheck,
    Call,
    Facts,
    ListChecks,
    build_tag_context,
    list_checks_without_resource,
)

DEFAULT_SESSION_DOCUMENT = "SSM-SessionManagerRunShell"
PUBLIC_PARAMETERS = "/aws/"
AMAZON_DOCUMENTS = ("AWS-", "Amazon")

UNRESTRICTED = (
    "DescribeInstanceInformation",
    "DescribeParameters",
    "DescribeSessions",
    "GetCommandInvocation",
    "ListCommandInvocations",
    "ListCommands",
    "ListDocuments",
)


def build_session_arn(call: Call, session_id: str) -> str:
    """Return the ARN of a session."""
    return call.build_arn("ssm", f"session/{session_id}")


def _build_document_arn(call: Call, name: str) -> str:
    """Return the ARN of a document. Those of Amazon belong to no account."""
    if name.startswith("arn:"):
        return name
    return call.build_arn("ssm", f"document/{name}", account="" if name.startswith(AMAZON_DOCUMENTS) else None)


def _list_checks_of_parameters(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    del facts
    parameters = call.parameters
    for name in parameters.get("Names") or [parameters.get("Name") or parameters["Path"]]:
        account = "" if name.startswith(PUBLIC_PARAMETERS) else None
        arn = call.build_arn("ssm", f"parameter/{name.removeprefix('/')}", account=account)
        yield AccessCheck(f"ssm:{call.operation}", arn)


def _list_checks_of_document(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    return (AccessCheck(f"ssm:{call.operation}", _build_document_arn(call, call.parameters["Name"])),)


def _list_checks_of_send_command(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of the document and of each instance. With targets by tag, the check is on all instances."""
    yield AccessCheck("ssm:SendCommand", _build_document_arn(call, call.parameters["DocumentName"]))
    for instance_id in call.parameters.get("InstanceIds") or ["*"]:
        yield _list_checks_of_instance(call, facts, instance_id)


def _list_checks_of_start_session(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the checks of the instance and of the document, which is that of the account if the call names none."""
    name = call.parameters.get("DocumentName") or DEFAULT_SESSION_DOCUMENT
    yield _list_checks_of_instance(call, facts, call.parameters["Target"])
    yield AccessCheck("ssm:StartSession", _build_document_arn(call, name))


def _list_checks_of_instance(call: Call, facts: Facts, instance_id: str) -> AccessCheck:
    tags = facts.get_tags(call.region, "instance", instance_id)
    context = {**build_tag_context("ssm:resourceTag", tags), **build_tag_context("aws:ResourceTag", tags)}
    return AccessCheck(f"ssm:{call.operation}", call.build_arn("ec2", f"instance/{instance_id}"), context)


def _list_checks_of_agent(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    return (_list_checks_of_instance(call, facts, call.parameters["InstanceId"]),)


def _list_checks_of_session(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    session_id = call.parameters["SessionId"]
    tags = facts.get_tags(call.region, "session", session_id)
    context = build_tag_context("ssm:resourceTag", tags)
    return (AccessCheck(f"{call.service}:{call.operation}", build_session_arn(call, session_id), context),)


SSM: Mapping[str, ListChecks] = {
    **dict.fromkeys(UNRESTRICTED, list_checks_without_resource),
    **dict.fromkeys(
        (
            "DeleteParameter",
            "GetParameter",
            "GetParameterHistory",
            "GetParameters",
            "GetParametersByPath",
            "PutParameter",
        ),
        _list_checks_of_parameters,
    ),
    **dict.fromkeys(("DescribeDocument", "GetDocument", "UpdateDocument"), _list_checks_of_document),
    **dict.fromkeys(("ResumeSession", "TerminateSession"), _list_checks_of_session),
    "SendCommand": _list_checks_of_send_command,
    "StartSession": _list_checks_of_start_session,
    "UpdateInstanceInformation": _list_checks_of_agent,
}

SSM_MESSAGES: Mapping[str, ListChecks] = {
    **dict.fromkeys(("CreateControlChannel", "CreateDataChannel", "OpenControlChannel"), list_checks_without_resource),
    "OpenDataChannel": _list_checks_of_session,
}

EC2_MESSAGES: Mapping[str, ListChecks] = dict.fromkeys(
    ("AcknowledgeMessage", "DeleteMessage", "FailMessage", "GetEndpoint", "GetMessages", "SendReply"),
    list_checks_without_resource,
)
