"""The files of the catalog, written so that a diff shows what changed: a type, a price or a model per line."""

import json
from pathlib import Path
from typing import Any

from chalicelib.domain.catalog.catalog_encoding import encode_document
from chalicelib.domain.catalog.document import CatalogDocument

CATALOG_FOLDER = Path(__file__).parent.parent / "chalicelib" / "data" / "catalog"

MAX_LINE = 320
"""Longest value on one line. The facts of a type fit, the prices of a type in many regions do not."""


def write_catalog(document: CatalogDocument, folder: Path) -> None:
    """Write gpus.json, families.json and prices.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in encode_document(document).items():
        (folder / f"{name}.json").write_text(format_json(data) + "\n", encoding="utf-8")


def format_json(value: Any, indent: str = "") -> str:
    """Return JSON in which a list, or an object of plain values and lists, is on one line if it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or (len(line) <= MAX_LINE and not any(isinstance(v, dict) for v in value.values())):
        return line
    inner = f"{indent} "
    members = (f"{inner}{json.dumps(key)}: {format_json(member, inner)}" for key, member in value.items())
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"
