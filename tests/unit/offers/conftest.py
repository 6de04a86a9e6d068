"""The table of offers, on a local cloud."""

import os
from collections.abc import Iterator

import pytest

from chalicelib.store.tables import create_tables, reset_endpoint
from local.aws.core.testing import in_process_cloud


@pytest.fixture(scope="module")
def table() -> Iterator[None]:
    with in_process_cloud():
        reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
        create_tables("us-east-1", "gpudesk")
        yield
    reset_endpoint(None)
