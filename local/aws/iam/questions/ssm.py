"""Questions about SSM and about the data channels of Session Manager.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
"""

from collections.abc import Iterable, Iterator, Mapping

from local.aws.iam.questions.call import Ask, Call, Facts, Question, ask_without_resource, build_tag_context

DEFAULT_SESSION_DOCUMENT = "SSM-SessionManagerRunShell"
PUBLIC_PARAMETERS = "/aws/"
AMAZON_DOCUMENTS = ("AWS-", "Amazon")

SESSION_TAG = "ssm:resourceTag/aws:ssmmessages:session-id"
TARGET_TAG = "ssm:resourceTag/aws:ssmmessages:target-id"
"""Session Manager tags sessions with these.

https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
"""

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


def _ask_about_parameters(call: Call, facts: Facts) -> Iterator[Question]:
    del facts
    parameters = call.parameters
    for name in parameters.get("Names") or [parameters.get("Name") or parameters["Path"]]:
        account = "" if name.startswith(PUBLIC_PARAMETERS) else None
        arn = call.build_arn("ssm", f"parameter/{name.removeprefix('/')}", account=account)
        yield Question(f"ssm:{call.operation}", arn)


def _ask_about_document(call: Call, facts: Facts) -> Iterable[Question]:
    del facts
    return (Question(f"ssm:{call.operation}", _build_document_arn(call, call.parameters["Name"])),)


def _ask_send_command(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about the document and each instance. A target by tag is a question about all instances."""
    yield Question("ssm:SendCommand", _build_document_arn(call, call.parameters["DocumentName"]))
    for instance_id in call.parameters.get("InstanceIds") or ["*"]:
        yield _ask_about_instance(call, facts, instance_id)


def _ask_start_session(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about the instance and the document, also about the one of the account if the call names none."""
    name = call.parameters.get("DocumentName") or DEFAULT_SESSION_DOCUMENT
    yield _ask_about_instance(call, facts, call.parameters["Target"])
    yield Question("ssm:StartSession", _build_document_arn(call, name))


def _ask_about_instance(call: Call, facts: Facts, instance_id: str) -> Question:
    tags = facts.get_tags(call.region, "instance", instance_id)
    context = {**build_tag_context("ssm:resourceTag", tags), **build_tag_context("aws:ResourceTag", tags)}
    return Question(f"ssm:{call.operation}", call.build_arn("ec2", f"instance/{instance_id}"), context)


def _ask_about_session(call: Call, facts: Facts) -> Iterable[Question]:
    session_id = call.parameters["SessionId"]
    tags = facts.get_tags(call.region, "session", session_id)
    context = build_tag_context("ssm:resourceTag", tags)
    return (Question(f"{call.service}:{call.operation}", build_session_arn(call, session_id), context),)


SSM: Mapping[str, Ask] = {
    **dict.fromkeys(UNRESTRICTED, ask_without_resource),
    **dict.fromkeys(
        (
            "DeleteParameter",
            "GetParameter",
            "GetParameterHistory",
            "GetParameters",
            "GetParametersByPath",
            "PutParameter",
        ),
        _ask_about_parameters,
    ),
    **dict.fromkeys(("DescribeDocument", "GetDocument", "UpdateDocument"), _ask_about_document),
    **dict.fromkeys(("ResumeSession", "TerminateSession"), _ask_about_session),
    "SendCommand": _ask_send_command,
    "StartSession": _ask_start_session,
}

SSM_MESSAGES: Mapping[str, Ask] = {"OpenDataChannel": _ask_about_session}
