"""Check of the templates of a stage with checkov: `make checkov`, which installs checkov outside .venv.

A finding is an error unless it is listed here with the reason. A listed check that finds nothing is an error, too.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy.documents import DocumentTooLarge
from deploy.home import build_home_template
from deploy.region import build_region_template
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.stage_file import read_deployment_settings

ACCEPTED_CHECKS: Mapping[str, str] = {
    "CKV_AWS_26": "SNS: CloudWatch's alarms cannot publish to a topic that the AWS managed key encrypts; a customer "
    "managed key costs $1 a month. E-mail is not encrypted anyway.",
    "CKV_AWS_27": "SQS: the queue is encrypted with the keys of SQS (SqsManagedSseEnabled), unknown to checkov.",
    "CKV_AWS_73": "X-Ray: one request calls one function and DynamoDB, and the log has the times.",
    "CKV_AWS_76": "Access log: it needs a role for the whole account. The log of the function has each request.",
    "CKV_AWS_111": "Instance role: the messages of the SSM agent know no resources (see deploy/policies/instance.py).",
    "CKV_AWS_115": "Reserved concurrency: a new account has 10 concurrent executions and can reserve none of them.",
    "CKV_AWS_116": "Dead letter queue: failed events and records go to the failure queue by the newer OnFailure "
    "destination. After a failed event of a schedule, the next one comes soon.",
    "CKV_AWS_117": "VPC: the functions call public endpoints of AWS in several regions, and the webhooks of users.",
    "CKV_AWS_119": "DynamoDB: tables are encrypted with a key that AWS owns. A customer managed key costs $1 a "
    "month and calls of KMS. It would keep out only people who may read the table and not use the key.",
    "CKV_AWS_120": "Cache: the answers depend on the caller and change every second.",
    "CKV_AWS_158": "Logs: encrypted with a key that AWS owns; see CKV_AWS_119.",
    "CKV_AWS_173": "Environment variables: they are names of resources and no secrets.",
}
"""The checks whose findings are accepted, with the reason."""

PROBLEMS = 1
FAILURE = 2
"""Exit status if there are no templates to check."""


def main(checkov: str, stage: str) -> int:
    """Print the findings that are not accepted, and return the exit status.

    :param checkov: path of its program
    """
    try:
        settings = read_deployment_settings(stage)
        templates = {"home": build_home_template(settings), "region": build_region_template(settings)}
    except (InvalidDeploymentSetting, DocumentTooLarge) as problem:
        print(problem, file=sys.stderr)
        return FAILURE
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates.items():
            Path(folder, f"{name}.json").write_text(json.dumps(template), encoding="utf-8")
        command = [checkov, "--framework", "cloudformation", "--directory", folder, "--output", "json", "--quiet"]
        completed = subprocess.run([*command, "--skip-download"], capture_output=True, text=True, check=False)
    try:
        findings = read_findings(json.loads(completed.stdout))
    except (ValueError, KeyError, TypeError):
        print(f"checkov failed: {completed.stderr[-2000:]}", file=sys.stderr)
        return PROBLEMS
    problems = list(list_problems(findings))
    print("\n".join([*problems, f"{len(findings)} findings, {len(problems)} of them not accepted."]))
    return PROBLEMS if problems else 0


def read_findings(report: Any) -> list[tuple[str, str]]:
    """Return the failed checks of a report: the id, and the resource with the name of the check.

    :raises KeyError, TypeError: the report has another form
    """
    parts = report if isinstance(report, list) else [report]
    return [
        (str(found["check_id"]), f"{found['resource']}: {found['check_name']}")
        for part in parts
        for found in part["results"]["failed_checks"]
    ]


def list_problems(findings: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the findings that are not accepted, and the accepted checks without a finding."""
    unused = set(ACCEPTED_CHECKS)
    for check, subject in findings:
        unused.discard(check)
        if check not in ACCEPTED_CHECKS:
            yield f"{check} {subject}"
    yield from (f"{check} finds nothing any more. Remove it from deploy/checkov.py." for check in sorted(unused))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
