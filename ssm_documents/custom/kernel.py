"""How Jupyter starts the kernel of the environment that runs this; fails where that has no ipykernel.

python - NAME
"""

import json
import sys

from ipykernel.kernelspec import get_kernel_dict

print(json.dumps({**get_kernel_dict(), "display_name": sys.argv[1]}))
