"""Command line of a deployment: `python -m deploy package --stage dev`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.documents import DocumentTooLarge
from deploy.errors import PackagingFailed
from deploy.interpreter import find_package_interpreter
from deploy.package import DEFAULT_OUTPUT, WITHOUT_BYTECODE, build_zip
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.source import ROOT, has_uncommitted_changes
from deploy.stage_file import read_deployment_settings
from deploy.templates import build_template_texts

FAILURE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(required=True)
    package = commands.add_parser("package", help="write the templates and the zip; needs no AWS account")
    package.add_argument("--stage", default="dev", help="name of the stage (default: dev)")
    package.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="folder for the files")
    package.set_defaults(run=run_package)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (PackagingFailed, InvalidDeploymentSetting, DocumentTooLarge) as problem:
        print(problem, file=sys.stderr)
        return FAILURE
    return 0


def run_package(options: argparse.Namespace) -> None:
    """Write the package of a stage and print its files. If a part cannot be built, the earlier files stay."""
    texts = build_template_texts(read_deployment_settings(options.stage))
    package = build_zip(options.output, python=find_package_interpreter())
    for name, text in texts.items():
        file = options.output / name
        file.write_text(text, encoding="utf-8")
        print(f"{file}: {file.stat().st_size / 1e3:.0f} KB")
    print(f"{package.file}: {package.size / 1e6:.1f} MB, SHA-256 {package.digest}")
    if package.python is None:
        print(WITHOUT_BYTECODE)
    if has_uncommitted_changes(ROOT):
        print("The package contains changes of the work tree that are not committed.")


if __name__ == "__main__":
    sys.exit(main())
