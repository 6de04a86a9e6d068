"""Signatures of the fake plugin, compared with those of botocore."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.plugin.signing import Request, SigningKey, sign

URL = "https://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/ada+b@c-0123-00?role=publish_subscribe&local_port=4"


def test_signature_equals_that_of_botocore() -> None:
    expected = AWSRequest("GET", URL)
    SigV4Auth(Credentials("ASIA1", "secret", "token"), "ssmmessages", "us-east-1").add_auth(expected)
    timestamp = expected.headers["X-Amz-Date"]
    headers = sign(
        Request("GET", URL, {}), SigningKey("ASIA1", "secret", "token"), "us-east-1", "ssmmessages", timestamp
    )
    assert headers["authorization"] == expected.headers["Authorization"]
