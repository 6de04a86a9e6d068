"""What the desk would do now, printed instead of done: `make preview`. Reads; changes nothing."""

import sys

from chalicelib import bootstrap
from chalicelib.domain.instances.plan import describe

if __name__ == "__main__":
    for plan in bootstrap.get_application().loop.preview():
        sys.stdout.write(f"{describe(plan)}\n")
