"""Fake Python with PyTorch that prints the benchmark results of a real H100."""

from pathlib import Path

H100_RESULTS = (Path(__file__).parent.parent / "golden" / "benchmarks" / "h100_1.json").read_text(encoding="utf-8")

_PATH = "/opt/gpudesk/d2l/bin/python"

_PROGRAM = f"""#!/bin/sh
# A Python with PyTorch. It runs nothing and prints the results of an H100.
[ "$(id -un)" = ubuntu ] || {{ echo "not the user ubuntu" >&2; exit 1; }}
[ "$1" = -I ] || {{ echo "modules of the user could be imported" >&2; exit 1; }}
shift
[ "$1" != -c ] || exit 0
/usr/bin/python3 -c 'import ast, sys; [ast.parse(open(name).read()) for name in sys.argv[1:]]' "$1"/*.py || exit 1
[ -e "$1/__main__.py" ] || {{ echo "no program in $1" >&2; exit 1; }}
shift
echo "measuring with $*" >&2
echo run >>/home/ubuntu/runs
[ ! -e /home/ubuntu/broken ] || {{ echo "CUDA error: out of memory" >&2; exit 1; }}
echo "A library prints this line on standard output."
cat <<'RESULTS'
{H100_RESULTS.strip()}
RESULTS
"""

INSTALL_FAKE_PYTORCH = (
    f"mkdir -p {Path(_PATH).parent}",
    f"rm -f {_PATH}",
    f"cat >{_PATH} <<'PROGRAM'",
    _PROGRAM,
    "PROGRAM",
    f"chmod 755 {_PATH}",
)
"""Shell lines that install the fake Python."""
