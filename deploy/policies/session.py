"""Policy of the session role. gpudesk assumes it for one person and one instance, narrowed by a session policy."""

from typing import Any

from chalicelib.aws.tags import ID_TAG
from deploy.names import ResourceNames
from deploy.policies.statement import Condition, PolicyDocument, Statement, build_policy_body, merge_conditions
from ssm_documents.session_documents import list_session_names

FOR_ONE_INSTANCE: Condition = {
    "StringLike": {f"aws:RequestTag/{ID_TAG}": "?*"},
    "ForAllValues:StringEquals": {"aws:TagKeys": [ID_TAG]},
    "Null": {"aws:TagKeys": "false"},
}
"""The call tags the credentials with the id of one instance, and with no other tag."""

OWN_SESSION = {"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}}
"""Session Manager tags each session with the identity that has started it.

https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
"""


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the session role."""
    sessions = (names.arn("ssm", "session/*"),)
    return PolicyDocument(
        (
            Statement(
                sid="StartSessionsOnOwnInstance",
                actions=("ssm:StartSession",),
                resources=(names.arn("ec2", "instance/*"),),
                condition=merge_conditions(
                    names.build_tag_condition("ssm:resourceTag"),
                    {
                        "StringEquals": {f"ssm:resourceTag/{ID_TAG}": f"${{aws:PrincipalTag/{ID_TAG}}}"},
                        "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
                    },
                ),
                reason="Start a session on the one instance that the tag of the credentials names.",
            ),
            Statement(
                sid="StartSessionsWithDocuments",
                actions=("ssm:StartSession",),
                resources=tuple(names.document_arn(name) for name in list_session_names()),
                condition={"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}},
                reason="Start sessions only with the Session documents of this stage.",
            ),
            Statement(
                sid="OpenDataChannels",
                actions=("ssmmessages:OpenDataChannel",),
                resources=sessions,
                reason="Open the channel of a session. The session policy names the one session.",
            ),
            Statement(
                sid="ResumeAndEndOwnSessions",
                actions=("ssm:ResumeSession", "ssm:TerminateSession"),
                resources=sessions,
                condition=OWN_SESSION,
                reason="Resume and end only sessions that the same identity has started.",
            ),
        ),
    )


def build_trust_policy(sessions_role_arn: object) -> dict[str, Any]:
    """Return the trust policy of the session role: the sessions function of this stage may assume it, for one instance.

    :param sessions_role_arn: the ARN of the function's role, or CloudFormation's expression of it
    """
    statement = {
        "Sid": "AssumeForOneInstance",
        "Effect": "Allow",
        "Principal": {"AWS": sessions_role_arn},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": FOR_ONE_INSTANCE,
    }
    return build_policy_body([statement])
