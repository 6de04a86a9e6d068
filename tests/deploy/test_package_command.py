"""`make package` refuses wrong settings before it writes anything."""

from pathlib import Path

import pytest

from deploy.__main__ import FAILURE, main


@pytest.mark.parametrize(
    ("stage", "message"), [("Foo_1", "'Foo_1'"), ("../dev", "'../dev'"), ("missing", "missing.toml")]
)
def test_bad_stage_is_refused_by_name(
    stage: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["package", "--stage", stage, "--output", str(tmp_path / "out")]) == FAILURE
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
