"""The chapters: request, setup, use, idleness, stop, start, end. Each raises where something does not happen."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from botocore.exceptions import ClientError
from websocket import WebSocketException

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.sessions.connect import DEFAULT_JUPYTER_LOCAL_PORT, JUPYTER_TOKEN_FILE
from local.demo.aws_user import AwsUser
from local.demo.client import Client, Refused, bearer
from local.demo.cost_summary import print_costs
from local.demo.narrator import Narrator
from local.demo.notebook import TRAINING, Cell, Notebook
from local.demo.poller import StepTimedOut, TimelineLine, TimelinePoller
from local.ports import HOST, free_port, is_free
from local.stack import Stack

PERSON = "ada"
LAUNCH_REQUEST = {
    "gpu": "T4",
    "recipe": "d2l-pytorch",
    "project": "d2l",
    "idle_policy": {"idle_minutes": 15, "warning_minutes": 5},
}
NOTEBOOK = "linear-regression-concise.ipynb"
CHAPTER = "d2l-en/pytorch/chapter_linear-regression"

BOOT = timedelta(minutes=5)
BUSY_PERCENT, IDLE_PERCENT = 97, 0
SAME_LINE = 24
"""Characters: a heartbeat cuts a line where it has no room, each a little differently."""


def play(stack: Stack, narrator: Narrator) -> None:
    """The whole story.

    :raises NotHappened: a step did not come about; what the desk wrote of the instance has been told by then
    """
    calls_before = Counter(stack.cloud.calls), Counter(stack.cloud.calls_of_machines)
    story = Demo(stack, narrator)
    narrator.heading()
    try:
        for chapter in (
            story.request_instance,
            story.set_up,
            story.use,
            story.leave_idle,
            story.start_again,
            story.end,
        ):
            chapter()
    except StepTimedOut:
        story.print_status()
        raise
    except (Refused, OSError, ClientError, WebSocketException) as problem:
        raise StepTimedOut(f"{chapter.__name__.replace('_', ' ')}: {problem}") from problem
    print_costs(stack.cloud, calls_before, story.laptop.calls, story.watch.shown(), narrator)
    narrator.line("calls", f"(DynamoDB's include those for the {story.desk.asked} requests that told this story)")


class Demo:
    """A person, their laptop, and the instance that they ask for."""

    def __init__(self, stack: Stack, narrator: Narrator) -> None:
        self.laptop = AwsUser("us-east-1")
        self._stack = stack
        self._narrator = narrator
        self.desk = Client(stack.api_url, bearer(stack.token_for(PERSON)))
        self._local = Client(stack.cloud_url)
        self._token = ""
        self._instance_id = ""
        self._last_progress: tuple[object, ...] | None = None
        self.watch: TimelinePoller

    def request_instance(self) -> None:
        """One HTTP request."""
        tell = self._narrator
        tell.chapter("1. Asking")
        self._register_webhook()
        tell.line(PERSON, f"POST /instances {json.dumps(LAUNCH_REQUEST)}")
        answer = self.desk.request("POST", "/instances", LAUNCH_REQUEST)
        if answer.status != 202:
            raise StepTimedOut(f"the request was answered with {answer.status}, not 202")
        instance = answer.body
        tell.line("gpudesk", f"202 Accepted: {instance['name']}, to be found at {answer.headers['Location']}")
        self.watch = TimelinePoller(self.desk, instance["id"], tell, self._stack.options.speed)

    def _register_webhook(self) -> None:
        """Warnings are to arrive at a bot of hers."""
        wish = {"channels": {"webhook": self._stack.inbox_url}}
        self._narrator.line(PERSON, f"PATCH /owners/{PERSON} {json.dumps(wish)}")
        secret = self.desk.request("PATCH", f"/owners/{PERSON}", wish).body["webhook_secret"]
        self._stack.inbox.add_secret(secret)
        self._narrator.line("gpudesk", f"warnings go there, signed; the secret is shown this once: {secret[:10]}...")

    def set_up(self) -> None:
        """Launched, booted, and every document of the recipe run."""
        tell, watch = self._narrator, self.watch
        tell.chapter("2. Launch and setup")
        self._until_ec2_says("running", BOOT)
        watch.until("the SSM agent answers", lambda: watch.has(EventCode.SETTING_UP), cloud=BOOT)
        recipes = self.desk.get("/recipes")["items"]
        recipe = next(each for each in recipes if each["name"] == LAUNCH_REQUEST["recipe"])
        for number in range(len(recipe["documents"])):
            done = self._until_document(number)
            for step in self.laptop.steps(done.details["command_id"]):
                tell.line("SSM", f"  step {step.name}: {step.status}. {step.last_line}".rstrip(". "))
        watch.until("the instance is ready", lambda: self._is("ready"))

    def use(self) -> None:
        """Jupyter through a forwarded port, and a kernel that works; or a busy GPU where scripts are simulated."""
        self._narrator.chapter("3. Use")
        if self._stack.machines.is_real:
            self._use_jupyter()
        else:
            self._use_gpu()

    def leave_idle(self) -> None:
        """Nobody works any more: warned, then stopped."""
        tell, watch = self._narrator, self.watch
        tell.chapter("4. Forgotten")
        policy = watch.shown()["spec"]["idle_policy"]
        window, notice = (timedelta(minutes=policy[name]) for name in ("idle_minutes", "warning_minutes"))
        activity = watch.until("the instance is quiet", lambda: self._activity("quiet"))
        tell.line("gpudesk", f"GET says: {activity}")
        watch.until("the warning", lambda: watch.has(EventCode.IDLE_WARNING), cloud=window)
        inbox = self._stack.inbox
        message = watch.until("its delivery", lambda: inbox.messages(EventCode.IDLE_WARNING), cloud=notice)[0]
        if not message.is_signed:
            raise StepTimedOut("the warning arrived, and its signature is not the desk's")
        tell.line("ada's bot", f"gets {message.type}, signed as it should be, and in it the request that keeps it")
        watch.until("the stop", lambda: self._is("stopping", "stopped"), cloud=notice)
        self._until_ec2_says("stopped", BOOT)
        watch.until("the desk knows that it is stopped", lambda: self._is("stopped"))

    def start_again(self) -> None:
        """What was set up is still there."""
        tell, watch = self._narrator, self.watch
        tell.chapter("5. The next morning")
        tell.line(PERSON, "POST .../start")
        self.desk.post(f"/instances/{watch.ref}/start")
        self._until_ec2_says("running", BOOT)
        watch.until("the instance is ready again", lambda: self._is("ready"), cloud=BOOT)
        if self._stack.machines.is_real:
            url = self._forward()
            kernels = self._until_jupyter_answers(url, self._token).kernels()
            tell.line("Jupyter", f"answers again, with the same token; {len(kernels)} kernels survived the stop")

    def end(self) -> None:
        """Terminated, and EC2 says so."""
        tell, watch = self._narrator, self.watch
        tell.chapter("6. The end")
        tell.line(PERSON, "DELETE /instances/...")
        self.desk.request("DELETE", f"/instances/{watch.ref}")
        self._until_ec2_says("terminated", BOOT)
        watch.until("the desk knows that it is terminated", lambda: self._is("terminated"))

    def print_status(self) -> None:
        """For whoever has to find out why the story does not go on."""
        self.watch.follow()
        shown = self.watch.shown()
        self._narrator.line("gpudesk", f"{shown['name']} is {shown['phase']}: {shown['reason']['message']}")
        self._narrator.plain(json.dumps(shown["status"], indent=2))

    def _use_jupyter(self) -> None:
        tell, watch = self._narrator, self.watch
        url = self._forward()
        self._token = self._read_token()
        notebook = self._until_jupyter_answers(url, self._token)
        tell.line("Jupyter", f"answers on {url}, to whoever has the token that was made on the machine")
        path = f"{CHAPTER}/{NOTEBOOK}"
        cell = notebook.run(path, notebook.code(path))
        tell.line(PERSON, f"opens {path} and runs it")
        watch.until("the book's cell ends", lambda: cell.has_ended)
        tell.line("kernel", f"prints: {_printed(cell)}")
        cell = notebook.run(path, TRAINING)
        tell.line(PERSON, "trains on, until the kernel is interrupted")
        watch.until("the cell begins", lambda: cell.output)
        self._until_swept_as_busy(f"{NOTEBOOK} is running a cell")
        notebook.interrupt(cell)
        watch.until("the cell ends", lambda: cell.has_ended)
        tell.line("kernel", f"is interrupted and prints: {_printed(cell).removeprefix('training').strip()}")

    def _use_gpu(self) -> None:
        tell = self._narrator
        activity = f"/_local/instances/{self._instance_id}/activity"
        tell.line("simulated", "no Jupyter runs here; the GPU is made to look busy instead")
        self._local.post(activity, {"gpu_utilisation": [BUSY_PERCENT]})
        self._until_swept_as_busy("GPU 0 of 1")
        self._local.post(activity, {"gpu_utilisation": [IDLE_PERCENT]})

    def _until_swept_as_busy(self, naming: str) -> None:
        """A sweep has come by while the desk knew of the work."""
        busy = self.watch.until(f"the desk sees that {naming}", lambda: self._activity("busy", naming))
        before = self._swept_at()
        self.watch.until("a sweep passes", lambda: self._swept_at() > before, cloud=BOOT)
        self._narrator.line("gpudesk", f"the sweep came by and let it run. GET says why: {busy}")

    def _swept_at(self) -> str:
        return str(self.desk.get("/healthz")["last_sweep_at"])

    def _forward(self) -> str:
        """The URL that leads to the instance's Jupyter: the local cloud forwards the port as the plugin would."""
        tell = self._narrator
        port = DEFAULT_JUPYTER_LOCAL_PORT if is_free(DEFAULT_JUPYTER_LOCAL_PORT) else free_port()
        if port != DEFAULT_JUPYTER_LOCAL_PORT:
            tell.line(
                PERSON,
                f"the book's local port {DEFAULT_JUPYTER_LOCAL_PORT} is taken on this computer, so it is {port} here",
            )
        wish = {"kind": "jupyter", "local_port": port}
        tell.line(PERSON, f"POST .../sessions {json.dumps(wish)}, from a laptop without AWS credentials")
        session = self.desk.post(f"/instances/{self.watch.ref}/sessions", wish)
        tell.line("gpudesk", f"session {session['session_id']} by {session['document']}, its token shown this once")
        return f"http://{HOST}:{session['local_port']}"

    def _read_token(self) -> str:
        command = self.laptop.send(self._instance_id, f"cat {JUPYTER_TOKEN_FILE}")
        return self.watch.until("Jupyter's token is read", lambda: self.laptop.output(self._instance_id, command))

    def _until_jupyter_answers(self, url: str, token: str) -> Notebook:
        notebook = Notebook(url, token)
        self.watch.until(f"Jupyter answers on {url}", lambda: _answers(notebook.kernels))
        return notebook

    def _until_ec2_says(self, state: str, within: timedelta) -> None:
        def says_so() -> bool:
            self._instance_id = self.watch.shown()["status"]["instance_id"] or self._instance_id
            return bool(self._instance_id) and self.laptop.ec2_state(self._instance_id) == state

        self.watch.until(f"EC2 says {state}", says_so, cloud=within)
        self._narrator.line("EC2", f"DescribeInstances: {self._instance_id} is {state}")

    def _until_document(self, number: int) -> TimelineLine:
        def nth() -> TimelineLine | None:
            self._tell_progress()
            done = [line for line in self.watch.lines if line.code == EventCode.DOCUMENT_SUCCEEDED]
            return done[number] if number < len(done) else None

        return self.watch.until(f"document {number + 1} of the recipe is done", nth)

    def _tell_progress(self) -> None:
        """What the step that runs says, each thing once."""
        setup = self.watch.shown()["status"]["setup"] or {}
        step = setup.get("step")
        news = (setup.get("document"), step["name"], step["last_output_line"][:SAME_LINE]) if step else None
        if step is None or news == self._last_progress:
            return
        self._last_progress = news
        left = setup["remaining_seconds"]
        to_go = f", about {left} s to go by what it took before" if left is not None else ""
        said = f": {step['last_output_line']}" if step["last_output_line"] else ""
        where = f"{setup['document']}, step {step['name']} ({step['step_index']} of {step['step_count']})"
        self._narrator.line("machine", f"  {where}{said} [{step['running_seconds']} s so far{to_go}]")

    def _is(self, *phases: str) -> bool:
        return self.watch.shown()["phase"] in phases

    def _activity(self, state: str, naming: str = "") -> str | None:
        activity = self.watch.shown()["status"]["activity"]
        if activity and activity["state"] == state and naming in activity["message"]:
            return str(activity["message"])
        return None


def _answers(request: Callable[[], object]) -> bool:
    try:
        request()
    except (OSError, Refused):
        return False
    return True


def _printed(cell: Cell) -> str:
    """:raises NotHappened: the cell failed"""
    if cell.error:
        raise StepTimedOut(f"the cell failed: {cell.error}")
    return cell.output.strip()
