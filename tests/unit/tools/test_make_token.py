"""`make token`: the created token, and rejected arguments."""

from datetime import UTC, datetime

import pytest

from chalicelib.store.tables import create_tables, reset_endpoint
from chalicelib.store.tokens import TokenRepository
from local.aws.core.testing import in_process_cloud
from tools.make_token import main


def test_printed_token_authenticates_the_owner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUDESK_TABLE_PREFIX", "gpudesk")
    with in_process_cloud():
        reset_endpoint(None)
        create_tables("us-east-1", "gpudesk")
        main(["ada", "--role", "admin", "--days", "1"])
        holder = TokenRepository().find_holder(capsys.readouterr().out.strip(), datetime.now(UTC))
    assert holder is not None
    assert (holder.owner, holder.role) == ("ada", "admin")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "OWNER is missing. Run: make token OWNER=ada"),
        (["ada lovelace"], "OWNER must be the name of an owner"),
        (["gpudesk"], "OWNER must not be gpudesk"),
        (["ada", "--days", "-5"], "--days must be a number of days from 1 to 99999, not '-5'."),
        (["ada", "--role", "root"], "ROLE must be user, admin or bot, not 'root'."),
        (["ada", "--days", "0"], "--days must be a number of days from 1 to 99999, not '0'."),
    ],
)
def test_invalid_argument_is_rejected(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
