"""A notebook as a browser uses it: Jupyter's REST API, a kernel, a cell over its websocket."""

import itertools
import json
import threading
from typing import Any

from websocket import WebSocket, create_connection

from local.demo.client import Client

TRAINING = """
epochs = 0
try:
    print("training")
    while True:
        d2l.Trainer(max_epochs=1).fit(model, data)
        epochs += 1
except KeyboardInterrupt:
    w, b = model.get_w_b()
    w1, w2 = [float(each) for each in w.reshape(-1)]
    print(f"y = {w1:.1f} x1 {w2:+.1f} x2 {float(b):+.1f} after {epochs:,} more epochs")
"""
"""Behind the book's own cell, which leaves `model` and `data`: epoch after epoch, work for a whole core.

It says when it has begun, and what it found once the kernel is interrupted; before that an interrupt would be an error.
"""


class Cell:
    """A cell that was sent to a kernel; a thread listens for what it prints.

    :ivar kernel: the kernel's id
    """

    _numbers = itertools.count(1)

    def __init__(self, kernel: str, channels: WebSocket, code: str) -> None:
        self.kernel = kernel
        self._message = f"cell-{next(self._numbers)}"
        self.output = ""
        self.error = ""
        self._channels = channels
        self._ended = threading.Event()
        header = {
            "msg_id": self._message,
            "msg_type": "execute_request",
            "username": "",
            "session": "1",
            "version": "5.3",
        }
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
        if message.get("parent_header", {}).get("msg_id") != self._message:
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

    def code(self, notebook: str) -> str:
        """Of the notebook's first cell of code."""
        cells = self._client.get(f"/api/contents/{notebook}")["content"]["cells"]
        return next(str(cell["source"]) for cell in cells if cell["cell_type"] == "code")

    def run(self, notebook: str, code: str) -> Cell:
        """Open a notebook's kernel, and run a cell in it."""
        wish = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        kernel = self._client.post("/api/sessions", wish)["kernel"]["id"]
        address = f"{self._url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?token={self._token}"
        return Cell(kernel, create_connection(address, http_no_proxy=["127.0.0.1"]), code)

    def interrupt(self, cell: Cell) -> None:
        """As the button with the black square does."""
        self._client.post(f"/api/kernels/{cell.kernel}/interrupt")
