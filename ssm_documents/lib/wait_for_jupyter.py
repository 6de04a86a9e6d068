"""Wait until Jupyter responds. The argument is the limit in seconds. The exit status is 1 if the limit is exceeded."""

import sys
import time
import urllib.request
from http.client import HTTPException

URL = "http://127.0.0.1:8888/api"

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
deadline = time.monotonic() + float(sys.argv[1])
while time.monotonic() < deadline:
    try:
        with opener.open(URL, timeout=5):
            sys.exit(0)
    except (OSError, HTTPException):
        time.sleep(0.25)
sys.exit(1)
