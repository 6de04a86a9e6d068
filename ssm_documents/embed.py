"""The probe as one file that can stand in a shell script: a zipapp in base64, the same bytes each time."""

from __future__ import annotations

import base64
import io
import textwrap
import zipfile
from pathlib import Path

_REPOSITORY = Path(__file__).parent.parent

_PACKED = (
    *sorted((Path(__file__).parent / "probe").glob("*.py")),
    *sorted((_REPOSITORY / "chalicelib/domain/activity").glob("*.py")),
    _REPOSITORY / "chalicelib/domain/reason.py",
)
"""What the probe needs besides boto3: itself, and the rule that it shares with the desk."""

_MAIN = "from ssm_documents.probe.main import main\n\nraise SystemExit(main())\n"

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip knows: a file's own would make other bytes of every checkout."""


def probe_zipapp() -> bytes:
    """The zipapp; runs by `python FILE`, under the module names that the files have here."""
    contents = {str(path.relative_to(_REPOSITORY)): path.read_text(encoding="utf-8") for path in _PACKED}
    for name in tuple(contents):
        for folder in list(Path(name).parents)[:-1]:
            contents.setdefault(str(folder / "__init__.py"), "")
    contents["__main__.py"] = _MAIN
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name], compresslevel=9)
    return packed.getvalue()


def as_base64(data: bytes) -> str:
    """Lines that a shell's here-document takes as they are."""
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode("ascii"), 100))
