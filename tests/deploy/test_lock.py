"""The lock gives the zip the versions that the tests use, and nothing that only development needs."""

from importlib import metadata

import pytest

from deploy.errors import PackagingFailed
from deploy.lock import find_runtime_packages, parse_lock, parse_requirements, select_runtime_lock
from deploy.source import ROOT

LOCK = (ROOT / "requirements-dev.txt").read_text()
REQUIREMENTS = (ROOT / "requirements.txt").read_text()

HASH = f"--hash=sha256:{'0' * 64}"
TWO_PINS = f"""
attrs==26.1.0 \\
    {HASH} \\
    {HASH}
six==1.17.0 ; sys_platform == 'win32' \\
    {HASH}
"""


def test_pin_keeps_all_hashes() -> None:
    (pin,) = parse_lock(TWO_PINS).values()
    assert (pin.name, pin.version, pin.lines.count("--hash=")) == ("attrs", "26.1.0", 2)


def test_package_without_hash_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"no hash of six, .* Run make lock"):
        parse_lock("six==1.17.0\n")


def test_line_without_version_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"no pin: 'six>=1'"):
        parse_lock("six>=1\n")


def test_package_that_is_not_locked_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"does not pin six\."):
        select_runtime_lock(TWO_PINS, "six\n")


def test_package_with_another_version_than_the_locked_one_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"six \S+ is installed and 0\.1 is locked\. Run make setup"):
        select_runtime_lock(f"six==0.1 \\\n    {HASH}\n", "six\n")


def test_extra_of_a_package_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"requirements\.txt requires boto3\[crt\]"):
        parse_requirements("boto3[crt]>=1\n")


def test_package_that_is_not_installed_is_refused() -> None:
    with pytest.raises(PackagingFailed, match=r"gpudesk-missing is not installed"):
        find_runtime_packages(["gpudesk-missing"])


def test_zip_has_the_versions_that_the_tests_use() -> None:
    selected = parse_lock(select_runtime_lock(LOCK, REQUIREMENTS))
    assert {"boto3", "botocore", "chalice", "pydantic", "pydantic-core", "pynamodb"} <= selected.keys()
    assert {name: pin.version for name, pin in selected.items()} == {name: metadata.version(name) for name in selected}


def test_zip_has_nothing_of_the_command_line_of_chalice() -> None:
    names = find_runtime_packages(parse_requirements(REQUIREMENTS))
    assert not {"pip", "setuptools", "wheel", "click", "inquirer", "pyyaml"} & set(names)
