"""A notebook as a browser uses it: Jupyter's REST API, a kernel, a cell over its websocket."""

import json
import threading
from typing import Any

from websocket import WebSocket, create_connection

from local.story.client import Client

TRAINING = """
import random
random.seed(1)
points = [(x / 50, 3 * x / 50 - 2 + random.gauss(0, 0.1)) for x in range(100)]
weight, bias, steps = 0.0, 0.0, 0
try:
    print("training")
    while steps < 10**9:
        x, y = random.choice(points)
        error = weight * x + bias - y
        weight, bias, steps = weight - 0.01 * error * x, bias - 0.01 * error, steps + 1
except KeyboardInterrupt:
    print(f"y = {weight:.1f} x {bias:+.1f} after {steps:,} steps")
"""
"""A line fitted by stochastic gradient descent: short, and work for a whole core.

It says when it has begun, and what it found once the kernel is interrupted; before that an interrupt would be an error.
"""


class Cell:
    """A cell that was sent to a kernel; a thread listens for what it prints.

    :ivar kernel: the kernel's id
    """

    def __init__(self, kernel: str, channels: WebSocket, code: str) -> None:
        self.kernel = kernel
        self.output = ""
        self.error = ""
        self._channels = channels
        self._ended = threading.Event()
        header = {"msg_id": "cell-1", "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        parts = {"parent_header": {}, "metadata": {}, "channel": "shell", "buffers": []}
        channels.send(json.dumps({"header": header, "content": content, **parts}))
        threading.Thread(target=self._listen, name="notebook", daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether the kernel is done with it; then `output`, or `error`, is whole."""
        return self._ended.is_set()

    def _listen(self) -> None:
        try:
            while not self._take(json.loads(self._channels.recv())):
                pass
        except Exception as error:  # noqa: BLE001  whatever ends the connection ends the cell
            self.error = self.error or f"the connection to the kernel ended: {error}"
        finally:
            self._channels.close()
            self._ended.set()

    def _take(self, message: dict[str, Any]) -> bool:
        """Whether it was the last one."""
        if message.get("parent_header", {}).get("msg_id") != "cell-1":
            return False
        content = message["content"]
        match message["header"]["msg_type"]:
            case "stream":
                self.output += content["text"]
            case "error":
                self.error = f"{content['ename']}: {content['evalue']}"
            case "status":
                return bool(content["execution_state"] == "idle")
        return False


class Notebook:
    """A Jupyter server at `url`, for whoever has its token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._client = Client(url, {"Authorization": f"token {token}"})

    def kernels(self) -> list[Any]:
        """Those that run; only an owner of the token hears of them."""
        found: list[Any] = self._client.get("/api/kernels")
        return found

    def run(self, notebook: str, code: str) -> Cell:
        """Open a notebook's kernel, and run a cell in it."""
        wish = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self._client.post("/api/sessions", wish)["kernel"]["id"]
        address = f"{self._url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?token={self._token}"
        return Cell(kernel, create_connection(address, http_no_proxy=["127.0.0.1"]), code)

    def interrupt(self, cell: Cell) -> None:
        """As the button with the black square does."""
        self._client.post(f"/api/kernels/{cell.kernel}/interrupt")
