"""Timeouts and retries of table calls."""

from typing import Any

import pytest

from chalicelib.store.dynamo import get_connection
from chalicelib.store.tables import TABLES
from local.aws.core.testing import in_process_cloud


def read_limits(config: Any) -> tuple[float, float, int]:
    """Return connect timeout, read timeout and number of attempts."""
    return config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]


@pytest.mark.parametrize("model", TABLES)
def test_table_calls_have_short_timeouts_and_no_retries(model: Any) -> None:
    with in_process_cloud():
        client = model._get_connection().connection.client
        assert read_limits(client.meta.config) == (0.5, 2.0, 1)


def test_transactions_have_short_timeouts_and_no_retries() -> None:
    with in_process_cloud():
        assert read_limits(get_connection().client.meta.config) == (0.5, 2.0, 1)
