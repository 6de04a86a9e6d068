"""Python with a fake PyTorch that measures nothing and prints the results of a real H100."""

from pathlib import Path

GOLDEN = (Path(__file__).parent.parent / "golden" / "benchmarks" / "h100_1.json").read_text(encoding="utf-8")

PLACE = "/opt/gpudesk/d2l/bin/python"

PYTORCH = f"""#!/bin/sh
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
{GOLDEN.strip()}
FIGURES
"""

PUT_IT_THERE = (
    f"mkdir -p {Path(PLACE).parent}",
    f"cat >{PLACE} <<'STAND_IN'",
    PYTORCH,
    "STAND_IN",
    f"chmod 755 {PLACE}",
)
"""Lines of shell that install it."""
