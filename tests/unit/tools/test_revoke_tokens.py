"""`make revoke-tokens`: the deleted tokens, and rejected arguments."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chalicelib.domain.access.actor import Role
from chalicelib.store.tables import create_tables, reset_endpoint
from chalicelib.store.tokens import TokenRepository
from local.aws.core.testing import in_process_cloud
from tools.revoke_tokens import NO_TOKENS, main

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenRepository]:
    monkeypatch.setenv("GPUDESK_TABLE_PREFIX", "gpudesk")
    with in_process_cloud():
        reset_endpoint(None)
        create_tables("us-east-1", "gpudesk")
        yield TokenRepository()


def test_all_tokens_of_the_owner_are_revoked_and_no_other(
    tokens: TokenRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    stolen = [tokens.create("ada", role, now=NOW) for role in (Role.USER, Role.ADMIN)]
    other = tokens.create("adam", Role.USER, now=NOW)
    assert main(["ada"]) == 0
    assert [tokens.find_holder(token, NOW) for token in stolen] == [None, None]
    assert tokens.find_holder(other, NOW) is not None
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split("(")[1] for line in lines) == [
        "admin), valid until 2026-04-05.",
        "user), valid until 2026-04-05.",
    ]


def test_owner_without_tokens_is_an_error(tokens: TokenRepository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ada"]) == NO_TOKENS
    assert capsys.readouterr().err == "ada has no tokens.\n"


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ("", "OWNER is missing. Run: make revoke-tokens OWNER=ada"),
        ("ada lovelace", "OWNER must be the name of an owner"),
    ],
)
def test_invalid_owner_is_rejected(owner: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([owner])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
