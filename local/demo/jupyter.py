"""Use of Jupyter in the demo: a forwarded port, a notebook of the book, a long cell that is interrupted."""

from collections.abc import Callable

from chalicelib.domain.sessions.connect import DEFAULT_JUPYTER_LOCAL_PORT, JUPYTER_TOKEN_FILE
from local.demo.client import RequestFailed
from local.demo.context import OWNER, DemoContext
from local.demo.laptop import SessionFailed
from local.demo.notebook import TRAINING_CODE, Cell, Notebook
from local.demo.poller import StepFailed
from local.ports import HOST, find_free_port, is_free

NOTEBOOK = "linear-regression-concise.ipynb"
NOTEBOOK_FOLDER = "d2l-en/pytorch/chapter_linear-regression"


class JupyterUser:
    """Person who works in the Jupyter server of the demo's instance."""

    def __init__(self, context: DemoContext) -> None:
        """Start without a token."""
        self._context = context
        self._token = ""

    def run_notebook(self) -> None:
        """Run the notebook's own cell, then a cell that trains until it is interrupted."""
        narrator, poller = self._context.narrator, self._context.poller
        url = self._forward_port()
        self._token = self._read_token()
        notebook = self._wait_until_answering(url)
        narrator.print_line("Jupyter", f"Answers on {url} with the token that was created on the instance.")
        path = f"{NOTEBOOK_FOLDER}/{NOTEBOOK}"
        cell = notebook.run_cell(path, notebook.read_code(path))
        narrator.print_line(OWNER, f"Opens {path} and runs it.")
        poller.wait_until("the notebook's cell ends", lambda: cell.has_ended)
        narrator.print_line("kernel", f"Prints: {_read_output(cell)}")
        cell = notebook.run_cell(path, TRAINING_CODE)
        narrator.print_line(OWNER, "Trains the model further until she interrupts the kernel.")
        poller.wait_until("the cell starts", lambda: cell.output)
        self._context.wait_until_spared_by_sweep(f"{NOTEBOOK} is running a cell")
        notebook.interrupt(cell)
        poller.wait_until("the cell ends", lambda: cell.has_ended)
        output = _read_output(cell).removeprefix("training").strip()
        narrator.print_line("kernel", f"Is interrupted and prints: {output}")

    def reconnect(self) -> None:
        """Connect to the same Jupyter server after a stop and a start."""
        kernels = self._wait_until_answering(self._forward_port()).list_kernels()
        text = f"Answers again with the same token. Kernels that survived the stop: {len(kernels)}."
        self._context.narrator.print_line("Jupyter", text)

    def _forward_port(self) -> str:
        """Start a session that forwards Jupyter's port, with `gpudesk-session` as on a laptop.

        :returns: URL of Jupyter on this computer
        """
        narrator, poller = self._context.narrator, self._context.poller
        port = DEFAULT_JUPYTER_LOCAL_PORT
        if not is_free(port):
            port = find_free_port()
            text = f"Port {DEFAULT_JUPYTER_LOCAL_PORT} is in use on this computer, so the demo takes port {port}."
            narrator.print_line(OWNER, text)
        name = poller.get_instance()["name"]
        narrator.print_line(OWNER, f"gpudesk-session {name} jupyter {port} (needs no AWS credentials)")
        laptop = self._context.laptop
        laptop.forward_jupyter(name, port)
        try:
            message = poller.wait_until("the session is open", laptop.find_message)
        except SessionFailed as error:
            raise StepFailed(f"The session was not opened. {error}") from error
        narrator.print_line(f"{OWNER}'s laptop", message.removeprefix("gpudesk-session: "))
        return f"http://{HOST}:{port}"

    def _read_token(self) -> str:
        user, instance_id = self._context.aws_user, self._context.ec2_instance_id
        command_id = user.send_command(instance_id, f"cat {JUPYTER_TOKEN_FILE}")
        return self._context.poller.wait_until(
            "Jupyter's token is read from the instance", lambda: user.find_output(instance_id, command_id)
        )

    def _wait_until_answering(self, url: str) -> Notebook:
        notebook = Notebook(url, self._token)
        self._context.poller.wait_until(f"Jupyter answers on {url}", lambda: _is_answering(notebook.list_kernels))
        return notebook


def _is_answering(request: Callable[[], object]) -> bool:
    try:
        request()
    except (OSError, RequestFailed):
        return False
    return True


def _read_output(cell: Cell) -> str:
    """Return the standard output of a cell.

    :raises StepFailed: the cell failed
    """
    if cell.error:
        raise StepFailed(f"The cell failed: {cell.error}")
    return cell.output.strip()
