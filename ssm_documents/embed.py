"""The probe as text inside a shell script.

`pack_probe` packs the files into a text; `gpudesk-probe/unpack.py` makes a zipapp of the text on the instance. The same
files always give the same bytes, so that two checkouts of a commit give the same documents.
"""

from __future__ import annotations

import bz2
import json
from pathlib import Path

from ssm_documents.minify import minify

_REPOSITORY = Path(__file__).parent.parent

_PACKED_FILES = (
    *sorted((_REPOSITORY / "ssm_documents/probe").rglob("*.py")),
    *(_REPOSITORY / "chalicelib/domain/common" / f"{name}.py" for name in ("reason", "text", "untrusted_text")),
    *(
        _REPOSITORY / "chalicelib/domain/idle" / f"{name}.py"
        for name in (
            "__init__",
            "epoch_seconds",
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

_DIGITS = "".join(chr(code) for code in range(33, 127) if chr(code) not in '"\\{')
"""The 91 visible characters that JSON need not escape, without `{`: SSM would take `{{` as a parameter."""

_BYTES, _CHARACTERS = 13, 16
"""So many bytes become so many characters. 91 ** 16 is a little more than 256 ** 13."""

_LINE_LENGTH = 1000


def pack_probe() -> str:
    """Return the probe's modules, minified and compressed, as lines for a here-document.

    The files become JSON {file name: source}, then bzip2, then numbers with 91 digits. This is a sixth smaller than
    Base64 of XZ of a zip archive.
    """
    files = {str(path.relative_to(_REPOSITORY)): minify(path.read_text(encoding="utf-8")) for path in _PACKED_FILES}
    for name in tuple(files):
        for folder in list(Path(name).parents)[:-1]:
            files.setdefault(str(folder / "__init__.py"), "")
    files["__main__.py"] = _MAIN
    compressed = bz2.compress(json.dumps(files, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())
    # bzip2 has an end mark, so the zeros that fill the last group do no harm.
    padded = compressed + bytes(-len(compressed) % _BYTES)
    text = "".join(_encode(padded[start : start + _BYTES]) for start in range(0, len(padded), _BYTES))
    return "\n".join(text[start : start + _LINE_LENGTH] for start in range(0, len(text), _LINE_LENGTH))


def _encode(group: bytes) -> str:
    number = int.from_bytes(group, "big")
    return "".join(_DIGITS[number // len(_DIGITS) ** place % len(_DIGITS)] for place in reversed(range(_CHARACTERS)))
