"""The key that webhooks' secrets are made of: a SecureString in SSM's Parameter Store, read once."""

import base64
import functools

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors


class MasterKey:
    """The key itself never leaves the process.

    :param region: where the parameter is
    """

    def __init__(self, clients: Clients, region: str, parameter: str) -> None:
        self._clients = clients
        self._region = region
        self._parameter = parameter
        self.read = functools.cache(self._read)

    def _read(self) -> bytes:
        """:raises CloudError: it is not there, or not ours to read"""
        with translate_errors():
            answer = self._clients.ssm(self._region).get_parameter(Name=self._parameter, WithDecryption=True)
        return base64.b64decode(answer["Parameter"]["Value"])
