"""Wait until gpudesk's Jupyter responds. The argument is the limit in seconds. The exit status is 1 if it is exceeded.

Only a server with the token of the instance counts: another one of the user may have taken the port.
"""

import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

URL = "http://127.0.0.1:8888/api/status"

token = Path("/etc/gpudesk/jupyter-token").read_text(encoding="ascii").strip()
request = urllib.request.Request(URL, headers={"Authorization": f"token {token}"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
deadline = time.monotonic() + float(sys.argv[1])
while time.monotonic() < deadline:
    try:
        with opener.open(request, timeout=5):
            sys.exit(0)
    except (OSError, HTTPException):
        time.sleep(0.25)
sys.exit(1)
