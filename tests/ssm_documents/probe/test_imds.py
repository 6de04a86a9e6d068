"""Time and instance id from the metadata service."""

import pytest

from ssm_documents.probe.imds import Imds
from ssm_documents.probe.local_http import Response as HttpAnswer
from tests.support.fakes import (
    START,
)


class Metadata:
    """Fake metadata service, called instead of HTTP."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self.requests: list[str] = []

    def __call__(self, method: str, url: str, headers: object) -> HttpAnswer:
        self.requests.append(f"{method} {url} {headers}")
        return HttpAnswer(b"i-1" if url.endswith("instance-id") else b"t0ken", self._headers)


def test_time_is_that_of_the_metadata_service() -> None:
    metadata = Metadata({"date": "Mon, 23 Nov 2026 12:00:00 GMT"})
    assert Imds("http://imds/latest", metadata).now() == START
    assert metadata.requests == ["PUT http://imds/latest/api/token {'X-aws-ec2-metadata-token-ttl-seconds': '21600'}"]


def test_metadata_service_without_a_date_gives_no_time() -> None:
    with pytest.raises(ValueError, match="no date"):
        Imds("http://imds/latest", Metadata({})).now()


def test_instance_id_is_requested_with_a_token() -> None:
    metadata = Metadata({})
    assert Imds("http://imds/latest", metadata).read("instance-id") == "i-1"
    assert metadata.requests[1] == (
        "GET http://imds/latest/meta-data/instance-id {'X-aws-ec2-metadata-token': 't0ken'}"
    )
