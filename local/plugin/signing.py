"""Signature version 4 of a request, by the standard library alone. The local cloud checks signatures with it, too.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
CREDENTIAL_SCOPE = re.compile(
    r"Credential=(?P<key>[^/,]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request"
)
AUTHORIZATION = re.compile(
    rf"{ALGORITHM} {CREDENTIAL_SCOPE.pattern}, *"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
"""The header `Authorization` of a signed request."""


@dataclass(frozen=True)
class SigningKey:
    """AWS credentials; the session token is empty for those of a user."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Request:
    """A request that is signed.

    :param headers: names in lower case
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


def sign(request: Request, key: SigningKey, region: str, service: str, timestamp: str) -> dict[str, str]:
    """Return the headers of a request with its signature.

    :param timestamp: as 20300105T090000Z
    """
    headers = {**request.headers, "host": urlsplit(request.url).netloc, "x-amz-date": timestamp}
    if key.session_token:
        headers["x-amz-security-token"] = key.session_token
    names = ";".join(sorted(headers))
    signed = Request(request.method, request.url, headers, request.body)
    signature = compute_signature(signed, names, key.secret_access_key, region, service)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    headers["authorization"] = (
        f"{ALGORITHM} Credential={key.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def compute_signature(request: Request, signed_headers: str, secret: str, region: str, service: str) -> str:
    """Return the signature of a request.

    :param signed_headers: names of headers, separated by semicolons
    """
    url = urlsplit(request.url)
    query = sorted(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in parse_qsl(url.query, keep_blank_values=True)
    )
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed_headers.split(";")]
    canonical = "\n".join(
        (
            request.method,
            quote(url.path or "/", safe="/-_.~"),
            "&".join(query),
            "".join(lines),
            signed_headers,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    timestamp = request.headers.get("x-amz-date", "")
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((ALGORITHM, timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (timestamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
