"""The zip contains what runs in Lambda and nothing else of the installed packages."""

import pytest

from deploy.selection import build_filter

FILES = {
    "boto3/session.py": True,
    "boto3/data/ec2/2016-11-15/resources-1.json": False,
    "botocore/data/endpoints.json": True,
    "botocore/data/_retry.json": True,
    "botocore/data/ec2/2016-11-15/service-2.json.gz": True,
    "botocore/data/ec2/2016-11-15/paginators-1.sdk-extras.json": True,
    "botocore/data/ec2/2016-11-15/examples-1.json": False,
    "botocore/data/ec2/2016-09-15/service-2.json.gz": False,
    "botocore/data/s3/2006-03-01/service-2.json.gz": False,
    "bin/chalice": False,
    ".lock": False,
    "chalice/app.py": True,
    "chalice/cli/factory.py": False,
    "boto3-1.44.5.dist-info/METADATA": True,
    "boto3-1.44.5.dist-info/LICENSE": True,
    "boto3-1.44.5.dist-info/RECORD": False,
    "pydantic_core/_pydantic_core.cpython-313-x86_64-linux-gnu.so": True,
    "pydantic_core/_pydantic_core.pyi": False,
    "six.py": True,
}


@pytest.mark.parametrize(("file", "is_needed"), FILES.items())
def test_file_is_packaged_if_it_runs(file: str, is_needed: bool) -> None:
    assert build_filter(FILES, {"ec2"}, {"chalice/app.py"})(file) is is_needed
