import pytest

from deploy.checkov import ACCEPTED_CHECKS, FAILURE, list_problems, main, read_findings


def test_problems_are_findings_that_are_not_accepted_and_accepted_checks_without_finding() -> None:
    failed = [
        {"check_id": check, "resource": "X", "check_name": "y"} for check in [*list(ACCEPTED_CHECKS)[1:], "CKV_AWS_0"]
    ]
    findings = read_findings([{"results": {"failed_checks": failed}}])
    assert list(list_problems(findings)) == [
        "CKV_AWS_0 X: y",
        f"{next(iter(ACCEPTED_CHECKS))} finds nothing any more. Remove it from deploy/checkov.py.",
    ]


def test_unknown_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("no/such/checkov", "nope") == FAILURE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Stage nope has no settings")
