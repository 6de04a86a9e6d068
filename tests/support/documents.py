"""Composed documents for tests."""

import base64
import functools
import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.domain.common.document_names import build_document_name
from local.settings import STAGE
from ssm_documents.check import to_json
from ssm_documents.compose import compose

Document = dict[str, Any]
PROBE = "gpudesk-probe"
UNPACK = Path("ssm_documents/gpudesk-probe/unpack.py")


@functools.cache
def _compose_once(name: str) -> str:
    return to_json(compose(name))


def copy_document(name: str) -> Document:
    """Return a copy of a document, which the test may change. Composing happens once, because it takes long."""
    document: Document = json.loads(_compose_once(name))
    return document


def read_packed_probe() -> str:
    """Return the text in the script of the probe's document that becomes the zipapp."""
    lines = get_lines(copy_document(PROBE), 1)
    (begin,) = [number for number, line in enumerate(lines) if "<<'PROBE'" in line]
    return "\n".join(lines[begin + 1 : lines.index("PROBE")])


@functools.cache
def build_zipapp() -> bytes:
    """Return the zipapp that the probe's document makes on the instance; it runs by `python FILE`."""
    unpack = (sys.executable, "-I", str(UNPACK))
    return subprocess.run(unpack, input=read_packed_probe().encode(), capture_output=True, check=True).stdout


def get_ssm_name(name: str) -> str:
    """Return the name that a document has in the local cloud's SSM."""
    return build_document_name(STAGE, name)


def get_lines(document: Document, step: int) -> list[str]:
    """Return the script of a step, which the test may change."""
    lines: list[str] = document["mainSteps"][step]["inputs"]["runCommand"]
    return lines


def read_library(document: Mapping[str, Any]) -> str:
    """Return the shell library that the first step of a document installs."""
    lines = document["mainSteps"][0]["inputs"]["runCommand"]
    (begin,) = [number for number, line in enumerate(lines) if "<<'LIBRARY'" in line]
    return gzip.decompress(base64.b64decode("".join(lines[begin + 1 : lines.index("LIBRARY")]))).decode()


def forget_previous_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step that begins although the step before it has not run in the same attempt."""
    lines = ["GPUDESK_PREVIOUS=''" if "GPUDESK_PREVIOUS=" in line else line for line in step["inputs"]["runCommand"]]
    return {**step, "inputs": {**step["inputs"], "runCommand": lines}}
