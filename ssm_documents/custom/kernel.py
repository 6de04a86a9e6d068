"""Print kernel.json for the environment whose Python runs this program. Fail if it has no ipykernel.

python - DISPLAY_NAME
"""

import json
import sys

from ipykernel.kernelspec import get_kernel_dict

print(json.dumps({**get_kernel_dict(), "display_name": sys.argv[1]}))
