"""The client of the instance metadata service: the id of this instance, the time of AWS, and warnings of EC2 Spot."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

from ssm_documents.probe.local_http import Request, Response, send

URL = "http://169.254.169.254/latest"
TOKEN_SECONDS = "21600"
"""Lifetime of a token: the longest that AWS grants. If the clock runs fast, a shorter one ends between two calls."""


class Imds:
    """A client of IMDSv2. Every method raises OSError if the service does not respond."""

    def __init__(self, url: str = URL, request: Request = send) -> None:
        self._url = url
        self._send = request

    def now(self) -> datetime:
        """Return the time of AWS, in UTC, to the second. The instance's own clock may be wrong, and root can set it.

        :raises ValueError: the response has no date, or an invalid one
        """
        date = self._request_token().headers.get("date")
        if date is None:
            raise ValueError("the metadata service sent no date")
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:
            raise ValueError(f"the metadata service sent a date without a time zone: {date[:40]}")
        return moment

    def read(self, path: str) -> str:
        """Return the metadata of this EC2 instance at a path, such as `instance-id`."""
        headers = {"X-aws-ec2-metadata-token": self._request_token().body.decode("ascii")}
        return self._send("GET", f"{self._url}/meta-data/{path}", headers).body.decode("ascii")

    def _request_token(self) -> Response:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
        return self._send("PUT", f"{self._url}/api/token", headers)
