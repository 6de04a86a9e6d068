"""STS: temporary credentials of the session role, narrowed by a session policy."""

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.sessions.role import Credentials


class Sts:
    """STS in one region.

    :param region: a regional endpoint answers faster and works if another region does not
    """

    def __init__(self, clients: Clients, region: str) -> None:
        """Use these SDK clients."""
        self._clients = clients
        self._region = region

    def assume_role(
        self, role_arn: str, session_name: str, policy: str, valid_for: timedelta, tags: Mapping[str, str]
    ) -> Credentials:
        """Return credentials that may do what both the role and the session policy allow.

        :param session_name: `aws:userid` of the credentials ends with it
        :param tags: session tags, which the policy of the role refers to
        :raises AwsError: STS rejected the call or did not respond
        """
        with translate_errors():
            response = self._clients.sts(self._region).assume_role(
                RoleArn=role_arn,
                RoleSessionName=session_name,
                Policy=policy,
                DurationSeconds=int(valid_for.total_seconds()),
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        found = response["Credentials"]
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"])
