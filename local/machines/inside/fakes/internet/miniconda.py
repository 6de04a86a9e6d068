"""Fake installers of Miniconda: shell scripts that, like the real ones, reject an old glibc. They install a fake conda.

`PUBLISHED` has the checksum of the real file. The fake `sha256sum` prints this checksum for the fake installer, and the
real checksum for any other file.
"""

import hashlib
import re

URL = "https://repo.anaconda.com/miniconda/Miniconda3-{}-Linux-x86_64.sh"
FILE_URL = re.compile(
    r"https://repo\.anaconda\.com/miniconda/(?P<file>Miniconda3-(?P<release>[\w.]+(-\d)?)-Linux-x86_64\.sh)"
)

GLIBC = {"py311_23.11.0-2": "2.17", "latest": "2.28"}
PUBLISHED = {"py311_23.11.0-2": "c9ae82568e9665b1105117b4b1e499607d2a920f0aea6f94410e417a0eff1b9c"}

INSTALLER = """#!/bin/sh
# A fake of Miniconda's installer, release {release}.
min_glibc={glibc}
has_glibc=$(ldd --version | head -n 1 | sed 's/.* //')
lower=$(printf '%s\\n%s\\n' "$min_glibc" "$has_glibc" | sort -V | head -n 1)
if [ "$lower" != "$min_glibc" ]; then
  echo "Installer requires GLIBC >=$min_glibc, but system has $has_glibc."
  exit 1
fi
batch=0 update=0 prefix=$HOME/miniconda3
while getopts "bup:" option; do
  case $option in
  b) batch=1 ;;
  u) update=1 ;;
  p) prefix=$OPTARG ;;
  *) exit 2 ;;
  esac
done
if [ "$batch" = 0 ]; then
  echo "In order to continue the installation process, please review the license agreement." >&2
  exit 2
fi
if [ -e "$prefix" ] && [ "$update" = 0 ]; then
  echo "ERROR: File or directory already exists: '$prefix'" >&2
  exit 1
fi
mkdir -p "$prefix/bin" "$prefix/envs"
cat >"$prefix/bin/conda" <<'CONDA'
#!/.machine/bin/python3 -SEs
import sys
sys.path.insert(0, "/.machine/code")
from pathlib import Path
from local.machines.inside.fakes.conda import main
sys.exit(main(sys.argv[1:], Path(sys.argv[0]).parent.parent))
CONDA
chmod +x "$prefix/bin/conda"
echo "installation finished."
"""


def find_content(url: str) -> bytes | None:
    """Return the installer of a known release; None for any other URL."""
    match = FILE_URL.fullmatch(url)
    if match is None or match["release"] not in GLIBC:
        return None
    return INSTALLER.format(release=match["release"], glibc=GLIBC[match["release"]]).encode()


def map_checksums() -> dict[str, str]:
    """Return the published checksums of the real installers, by the checksums of their fakes."""
    return {
        hashlib.sha256(find_content(URL.format(release)) or b"").hexdigest(): published
        for release, published in PUBLISHED.items()
    }
