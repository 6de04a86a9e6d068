"""Python with a fake PyTorch that measures nothing and prints the results of a real H100."""

from pathlib import Path

H100_RESULTS = (Path(__file__).parent.parent / "golden" / "benchmarks" / "h100_1.json").read_text(encoding="utf-8")

PYTHON_PATH = "/opt/gpudesk/d2l/bin/python"

FAKE_PYTHON = f"""#!/bin/sh
# A Python with PyTorch: it says that it is there, and what an H100 did.
[ "$(id -un)" = ubuntu ] || {{ echo "not the user ubuntu" >&2; exit 1; }}
[ "$1" != -c ] || exit 0
/usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$1" || exit 1
shift
echo "measuring with $*" >&2
echo run >>/home/ubuntu/runs
[ ! -e /home/ubuntu/broken ] || {{ echo "CUDA error: out of memory" >&2; exit 1; }}
echo "a library says something on standard output"
cat <<'FIGURES'
{H100_RESULTS.strip()}
FIGURES
"""

INSTALL_LINES = (
    f"mkdir -p {Path(PYTHON_PATH).parent}",
    f"cat >{PYTHON_PATH} <<'STAND_IN'",
    FAKE_PYTHON,
    "STAND_IN",
    f"chmod 755 {PYTHON_PATH}",
)
"""Lines of shell that install it."""
