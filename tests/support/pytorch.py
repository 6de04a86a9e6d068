"""Fake Python with PyTorch that prints the benchmark results of a real H100."""

from pathlib import Path

H100_RESULTS = (Path(__file__).parent.parent / "golden" / "benchmarks" / "h100_1.json").read_text(encoding="utf-8")

PYTHON_PATH = "/opt/gpudesk/d2l/bin/python"

FAKE_PYTHON = f"""#!/bin/sh
# A fake Python with PyTorch. It prints the results of a real H100.
[ "$(id -un)" = ubuntu ] || {{ echo "not the user ubuntu" >&2; exit 1; }}
[ "$1" != -c ] || exit 0
/usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$1" || exit 1
shift
echo "measuring with $*" >&2
echo run >>/home/ubuntu/runs
[ ! -e /home/ubuntu/broken ] || {{ echo "CUDA error: out of memory" >&2; exit 1; }}
echo "a line of a library on standard output"
cat <<'RESULTS'
{H100_RESULTS.strip()}
RESULTS
"""

INSTALL_LINES = (
    f"mkdir -p {Path(PYTHON_PATH).parent}",
    f"cat >{PYTHON_PATH} <<'FAKE_PYTHON'",
    FAKE_PYTHON,
    "FAKE_PYTHON",
    f"chmod 755 {PYTHON_PATH}",
)
"""Shell lines that install the fake Python."""
