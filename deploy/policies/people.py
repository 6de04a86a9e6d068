"""Managed policy for people who use `aws ssm start-session` and ssh with AWS credentials of their own.

An admin attaches it to them. It opens sessions on every instance of the stage, because IAM does not know the owners of
gpudesk.
"""

from deploy.names import ResourceNames
from deploy.policies.session import OWN_SESSION
from deploy.policies.ssh_keys import build_ssh_key_statement
from deploy.policies.statement import PolicyDocument, Statement, merge_conditions

AMAZON_DOCUMENTS = (
    "AWS-StartInteractiveCommand",
    "AWS-StartNonInteractiveCommand",
    "AWS-StartPortForwardingSession",
    "AWS-StartSSHSession",
)
"""The documents of Amazon in the commands that `GET /instances/{name}/connect` returns."""

DEFAULT_DOCUMENT = "SSM-SessionManagerRunShell"
"""The document of the account that a session has if the call names none."""


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy for people."""
    document_check = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
    documents = tuple(names.arn("ssm", f"document/{name}", account="") for name in AMAZON_DOCUMENTS)
    return PolicyDocument(
        (
            Statement(
                sid="StartSessionsOnInstances",
                actions=("ssm:StartSession",),
                resources=(names.arn("ec2", "instance/*"),),
                condition=merge_conditions(names.build_tag_condition("ssm:resourceTag"), document_check),
                reason="Start sessions on instances of this stage only.",
            ),
            Statement(
                sid="StartSessionsWithDocuments",
                actions=("ssm:StartSession",),
                resources=(*documents, names.arn("ssm", f"document/{DEFAULT_DOCUMENT}")),
                condition=document_check,
                reason="Use the documents of the commands that gpudesk prints.",
            ),
            Statement(
                sid="OpenOwnDataChannels",
                actions=("ssmmessages:OpenDataChannel",),
                resources=(names.arn("ssm", "session/${aws:userid}-*"), names.arn("ssm", "session/${aws:username}-*")),
                reason="Open the channels of sessions that the same person has started.",
            ),
            Statement(
                sid="ResumeAndEndOwnSessions",
                actions=("ssm:ResumeSession", "ssm:TerminateSession"),
                resources=(names.arn("ssm", "session/*"),),
                condition=OWN_SESSION,
                reason="Resume and end only sessions that the same person has started.",
            ),
            build_ssh_key_statement(names),
        ),
    )
