"""The probe as one file that can stand in a shell script: a zipapp, compressed, in base64, the same bytes each time."""

from __future__ import annotations

import ast
import base64
import io
import lzma
import textwrap
import tokenize
import zipfile
from pathlib import Path

_REPOSITORY = Path(__file__).parent.parent

_PACKED = (
    *sorted((_REPOSITORY / "ssm_documents/probe").rglob("*.py")),
    *(_REPOSITORY / "chalicelib/domain/common" / f"{name}.py" for name in ("reason", "text")),
    *(
        _REPOSITORY / "chalicelib/domain/idle" / f"{name}.py"
        for name in (
            "__init__",
            "evidence",
            "heartbeat",
            "heartbeat_encoding",
            "heartbeat_response",
            "policy",
            "rule",
            "self_stop",
        )
    ),
)
"""The modules of the probe, and those that it shares with gpudesk: the idle rule and the heartbeat."""

_MAIN = "from ssm_documents.probe.main import main\n\nraise SystemExit(main())\n"

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip knows: a file's own would make other bytes of every checkout."""


def probe_zipapp() -> bytes:
    """The zipapp, uncompressed; runs by `python FILE`, under the module names that the files have here."""
    contents = {
        str(path.relative_to(_REPOSITORY)): strip_comments(path.read_text(encoding="utf-8")) for path in _PACKED
    }
    for name in tuple(contents):
        for folder in list(Path(name).parents)[:-1]:
            contents.setdefault(str(folder / "__init__.py"), "")
    contents["__main__.py"] = _MAIN
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, contents[name])
    return packed.getvalue()


def strip_comments(source: str) -> str:
    """The same program without docstrings and comments, each line where it was, so that tracebacks lead to the source.

    A document has 64 KB, and the words are more than half of it.
    """
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            lines[first : last + 1] = [f"{lines[first][: node.col_offset]}''", *[""] * (last - first)]
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines) + "\n"


def as_base64(data: bytes) -> str:
    """Compressed as one (`base64 --decode | xz --decompress` undoes it), in lines for a here-document."""
    data = lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode("ascii"), 1000))
