"""The instance metadata service: who this instance is, and what time it is for AWS."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

from ssm_documents.probe.local_http import Request, Response, send

URL = "http://169.254.169.254/latest"
TOKEN_SECONDS = "21600"
"""The longest that AWS gives: a token is used at once, and where time runs fast a short one is over by then."""


class Imds:
    """IMDSv2. Every method raises OSError where the service does not answer."""

    def __init__(self, url: str = URL, request: Request = send) -> None:
        self._url = url
        self._ask = request

    def now(self) -> datetime:
        """AWS's time, in UTC, to the second: a machine's own clock may be wrong, and root can set it.

        :raises ValueError: the answer bears no date, or one that is none
        """
        date = self._new_token().headers.get("date")
        if date is None:
            raise ValueError("the metadata service gave no date")
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:
            raise ValueError(f"the metadata service gave a date without its zone: {date[:40]}")
        return moment

    def read_instance_id(self) -> str:
        """This instance's id."""
        headers = {"X-aws-ec2-metadata-token": self._new_token().body.decode("ascii")}
        return self._ask("GET", f"{self._url}/meta-data/instance-id", headers).body.decode("ascii")

    def _new_token(self) -> Response:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
        return self._ask("PUT", f"{self._url}/api/token", headers)
