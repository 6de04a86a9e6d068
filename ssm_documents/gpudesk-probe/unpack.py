"""Read the text that ssm_documents/embed.py packed from standard input, and write the zipapp to standard output."""

import bz2
import io
import json
import sys
import zipfile


def unpack() -> None:
    """Do it in a function: composing shortens the names of local variables."""
    text = "".join(sys.stdin.read().split())
    digits = [chr(code) for code in range(33, 127) if chr(code) not in '"\\{']
    compressed = b""
    for start in range(0, len(text), 16):
        number = 0
        for character in text[start : start + 16]:
            number = number * len(digits) + digits.index(character)
        compressed += number.to_bytes(13, "big")
    # The decompressor ignores what follows the end mark.
    files = json.loads(bz2.BZ2Decompressor().decompress(compressed))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipapp:
        for name, source in files.items():
            # The default date of ZipInfo is 1980, so the same files give the same archive.
            zipapp.writestr(zipfile.ZipInfo(name), source)
    sys.stdout.buffer.write(archive.getvalue())


unpack()
