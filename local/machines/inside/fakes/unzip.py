"""Fake `unzip -tq FILE` and `unzip -q FILE -d FOLDER`, because this computer may have no unzip."""

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

EXIT_NO_ZIP = 9


def main(arguments: Sequence[str]) -> int:
    """Run unzip, and return its exit code: 0, or 9 for a file that is not a complete zip."""
    words = list(arguments)
    folder = Path(words.pop(words.index("-d") + 1)) if "-d" in words else Path()
    (file,) = [word for word in words if not word.startswith("-")]
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
            if broken is None and not any(word.startswith("-t") for word in words):
                archive.extractall(folder)
    except (OSError, zipfile.BadZipFile):
        broken = file
    if broken is not None:
        print(f"[{file}]\n  End-of-central-directory signature not found.", file=sys.stderr)
        return EXIT_NO_ZIP
    return 0
