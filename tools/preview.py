"""What the desk would do now, printed instead of done: `make preview`. Reads; changes nothing."""

import sys

from chalicelib import bootstrap
from chalicelib.domain.plan import in_words

if __name__ == "__main__":
    for plan in bootstrap.desk().loop.preview():
        sys.stdout.write(f"{in_words(plan)}\n")
