"""Client of a Jupyter server: REST API, kernels, and cells over a websocket, as a browser uses them."""

import itertools
import json
import threading
from typing import Any

from websocket import WebSocket, create_connection

from local.demo.client import Client

TRAINING_CODE = """
epochs = 0
try:
    print("training")
    while True:
        d2l.Trainer(max_epochs=1).fit(model, data)
        epochs += 1
except KeyboardInterrupt:
    w, b = model.get_w_b()
    w1, w2 = [float(value) for value in w.reshape(-1)]
    print(f"y = {w1:.1f} x1 {w2:+.1f} x2 {float(b):+.1f} after {epochs:,} more epochs")
"""
"""Code that keeps one core busy until the kernel is interrupted.

It continues the book's own cell, which defines `model` and `data`. It prints a line when it has started, because an
earlier interrupt would be an error. It prints its result when it is interrupted.
"""


class Cell:
    """Code that was sent to a kernel. A thread collects its output.

    :ivar output: standard output so far
    :ivar error: name and message of the exception; empty without one
    """

    _message_numbers = itertools.count(1)

    def __init__(self, kernel_id: str, channels: WebSocket, code: str) -> None:
        """Send the code and start to listen."""
        self.kernel_id = kernel_id
        self.output = ""
        self.error = ""
        self._message_id = f"cell-{next(self._message_numbers)}"
        self._channels = channels
        self._ended = threading.Event()
        header = {
            "msg_id": self._message_id,
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
        """Return whether the kernel has finished the cell; `output` and `error` are complete then."""
        return self._ended.is_set()

    def _listen(self) -> None:
        try:
            while not self._handle(json.loads(self._channels.recv())):
                pass
        except Exception as error:  # noqa: BLE001 - every error of the connection ends the cell
            self.error = self.error or f"The connection to the kernel ended: {error}"
        finally:
            self._channels.close()
            self._ended.set()

    def _handle(self, message: dict[str, Any]) -> bool:
        """Store the output, the error or the state that a message contains.

        :returns: whether the message is the last one about this cell
        """
        if message.get("parent_header", {}).get("msg_id") != self._message_id:
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
    """Client of the Jupyter server at `url`."""

    def __init__(self, url: str, token: str) -> None:
        """Create a client; no connection is opened."""
        self._url = url
        self._token = token
        self._client = Client(url, {"Authorization": f"token {token}"})

    def list_kernels(self) -> list[Any]:
        """Return the running kernels. The call needs a valid token."""
        kernels: list[Any] = self._client.get("/api/kernels")
        return kernels

    def read_code(self, path: str) -> str:
        """Return the code of the first code cell of a notebook."""
        cells = self._client.get(f"/api/contents/{path}")["content"]["cells"]
        return next(str(cell["source"]) for cell in cells if cell["cell_type"] == "code")

    def run_cell(self, path: str, code: str) -> Cell:
        """Run code in the kernel of a notebook. If the notebook has no kernel, start one."""
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        kernel_id = self._client.post("/api/sessions", body)["kernel"]["id"]
        address = f"{self._url.replace('http', 'ws', 1)}/api/kernels/{kernel_id}/channels?token={self._token}"
        return Cell(kernel_id, create_connection(address, http_no_proxy=["127.0.0.1"]), code)

    def interrupt(self, cell: Cell) -> None:
        """Interrupt the kernel of a cell."""
        self._client.post(f"/api/kernels/{cell.kernel_id}/interrupt")
