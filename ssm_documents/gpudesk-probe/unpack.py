"""Read the text that ssm_documents/embed.py packed from standard input, and write the zipapp to standard output."""

import base64
import bz2
import io
import json
import sys
import zipfile

text = "".join(sys.stdin.read().split()).translate(str.maketrans(",.", "{@"))
files = json.loads(bz2.decompress(base64.b85decode(text)))
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as zipapp:
    for name, source in files.items():
        # The default date of ZipInfo is 1980, so the same files give the same archive.
        zipapp.writestr(zipfile.ZipInfo(name), source)
sys.stdout.buffer.write(archive.getvalue())
