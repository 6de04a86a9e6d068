"""The master key of all webhook secrets: a SecureString in SSM Parameter Store, read once per process."""

import base64

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors


class MasterKey:
    """The key in Parameter Store. It never leaves the process."""

    def __init__(self, clients: Clients, region: str, parameter: str) -> None:
        """Prepare to read the key; nothing is read yet.

        :param region: the region of the parameter
        """
        self._clients = clients
        self._region = region
        self._parameter = parameter
        self._key: bytes | None = None

    def read(self) -> bytes:
        """Return the key. Only the first call reads it from AWS.

        :raises AwsError: the parameter does not exist, or gpudesk may not read it
        """
        if self._key is None:
            with translate_errors():
                ssm = self._clients.ssm(self._region)
                response = ssm.get_parameter(Name=self._parameter, WithDecryption=True)
            self._key = base64.b64decode(response["Parameter"]["Value"])
        return self._key
