"""Chapters of the demo: request, setup, use, idle stop, start, termination."""

import json
from collections import Counter
from datetime import timedelta

from botocore.exceptions import ClientError
from websocket import WebSocketException

from chalicelib.domain.common.event_codes import EventCode
from local.demo.client import Client, RequestFailed
from local.demo.context import BOOT_TIMEOUT, OWNER, DemoContext
from local.demo.cost_summary import print_costs
from local.demo.full_zone import fill_first_zone, print_tries
from local.demo.jupyter import JupyterUser
from local.demo.laptop import Laptop
from local.demo.narrator import Narrator
from local.demo.poller import StepFailed, TimelinePoller
from local.stack import Stack

LAUNCH_GPU = "T4"
LAUNCH_REQUEST = {
    "gpu": LAUNCH_GPU,
    "recipe": "d2l-pytorch",
    "project": "d2l",
    "idle_policy": {"idle_minutes": 15, "warning_minutes": 5},
}
START_WAIT = timedelta(hours=2)
BUSY_PERCENT, IDLE_PERCENT = 97, 0


def play_demo(stack: Stack, narrator: Narrator) -> None:
    """Play all chapters and print the costs.

    :raises StepFailed: a step failed
    """
    token = stack.create_token(OWNER)
    with Laptop(stack.api_url, token) as laptop:
        _play_chapters(DemoContext(stack, narrator, laptop, token))


def _play_chapters(context: DemoContext) -> None:
    stack, narrator = context.stack, context.narrator
    calls_before = Counter(stack.cloud.calls), Counter(stack.cloud.machine_calls)
    demo = Demo(context)
    narrator.print_heading()
    try:
        for chapter in (
            demo.request_instance,
            demo.set_up_instance,
            demo.use_instance,
            demo.leave_idle,
            demo.start_again,
            demo.terminate_instance,
        ):
            chapter()
    except StepFailed:
        context.print_status()
        raise
    except (RequestFailed, OSError, ClientError, WebSocketException) as problem:
        raise StepFailed(f"{chapter.__name__.replace('_', ' ').capitalize()}: {problem}.") from problem
    print_costs(stack.cloud, calls_before, context.aws_user.calls, context.poller.get_instance(), narrator)
    count = context.client.request_count
    narrator.print_line("AWS", f"The {count} API requests of the demo itself caused part of the dynamodb calls.")


class Demo:
    """The chapters, in the order in which they are played."""

    def __init__(self, context: DemoContext) -> None:
        """Start before the first chapter."""
        self._context = context
        self._narrator = context.narrator
        self._jupyter = JupyterUser(context)

    def request_instance(self) -> None:
        """Register a webhook, then request an instance with one HTTP request."""
        context, narrator = self._context, self._narrator
        narrator.start_chapter("1. Request an instance")
        self._register_webhook()
        region = context.stack.region
        request = LAUNCH_REQUEST if region == context.stack.home_region else {**LAUNCH_REQUEST, "region": region}
        fill_first_zone(context, LAUNCH_GPU)
        narrator.print_line(OWNER, f"POST /instances {json.dumps(request)}")
        response = context.client.request("POST", "/instances", request)
        if response.status != 202:
            raise StepFailed(f"POST /instances returned {response.status} instead of 202.")
        instance = response.body
        context.poller = TimelinePoller(context.client, instance["id"], narrator, context.stack.options.speed)
        context.poller.print_new_entries()
        narrator.print_line("gpudesk", f"202 Accepted: {instance['name']}, Location: {response.headers['Location']}")

    def _register_webhook(self) -> None:
        """Set a webhook for the owner's notifications."""
        stack = self._context.stack
        body = {"channels": {"webhook": stack.webhook_url}}
        self._narrator.print_line(OWNER, f"PATCH /owners/{OWNER} {json.dumps(body)}")
        secret = self._context.client.request("PATCH", f"/owners/{OWNER}", body).body["webhook_secret"]
        stack.webhook_receiver.set_secret(secret)
        self._narrator.print_line(
            "gpudesk",
            "Notifications go to this webhook. They are signed with a secret that is shown only once: "
            f"{secret[:10]}...",
        )

    def set_up_instance(self) -> None:
        """Wait for the launch, the boot and every document of the recipe."""
        context, narrator = self._context, self._narrator
        poller = context.poller
        narrator.start_chapter("2. Launch it and set it up")
        context.wait_until_ec2_state("running")
        print_tries(context)
        poller.wait_until(
            "the SSM agent answers", lambda: poller.find_entry(EventCode.SETTING_UP), cloud_time=BOOT_TIMEOUT
        )
        recipes = context.client.get("/recipes")["items"]
        recipe = next(recipe for recipe in recipes if recipe["name"] == LAUNCH_REQUEST["recipe"])
        for index, document in enumerate(recipe["documents"]):
            entry = context.wait_until_document_succeeds(index)
            for step in context.aws_user.list_steps(entry.details["command_id"]):
                output = f" Last line of output: {step.last_line}" if step.last_line else ""
                narrator.print_line("SSM", f"  {document}, step {step.name}: {step.status}.{output}")
        poller.wait_until("the instance is ready", lambda: context.is_in_phase("ready"))

    def use_instance(self) -> None:
        """Work in Jupyter, or with a simulated GPU if no script really runs."""
        self._narrator.start_chapter("3. Use it")
        if self._context.stack.machines.is_real:
            self._jupyter.run_notebook()
        else:
            self._use_simulated_gpu()

    def _use_simulated_gpu(self) -> None:
        cloud_admin = Client(self._context.stack.cloud_url)
        activity = f"/_local/instances/{self._context.ec2_instance_id}/activity"
        self._narrator.print_line(
            "simulation", f"A simulated instance runs no Jupyter. Its GPU reports {BUSY_PERCENT} % instead."
        )
        cloud_admin.post(activity, {"gpu_utilization": [BUSY_PERCENT]})
        self._context.wait_until_spared_by_sweep("GPU 0 of 1")
        cloud_admin.post(activity, {"gpu_utilization": [IDLE_PERCENT]})

    def leave_idle(self) -> None:
        """Leave the instance idle until gpudesk warns its owner and stops it."""
        context, narrator, poller = self._context, self._narrator, self._context.poller
        narrator.start_chapter("4. Leave it idle")
        policy = poller.get_instance()["spec"]["idle_policy"]
        idle_window = timedelta(minutes=policy["idle_minutes"])
        warning_period = timedelta(minutes=policy["warning_minutes"])
        activity = poller.wait_until("the instance is quiet", lambda: context.find_activity("quiet"))
        narrator.print_line("gpudesk", f"Activity: {activity}")
        poller.wait_until(
            "the stop is announced", lambda: poller.find_entry(EventCode.IDLE_WARNING), cloud_time=idle_window
        )
        receiver = context.stack.webhook_receiver
        messages = poller.wait_until(
            "the webhook receives the stop warning",
            lambda: receiver.list_messages(EventCode.IDLE_WARNING),
            cloud_time=warning_period,
        )
        if not messages[0].is_signed:
            raise StepFailed("The stop warning arrived without gpudesk's signature.")
        text = (
            f"Receives {messages[0].type} and verifies its signature. The message contains the request that keeps the "
            "instance."
        )
        narrator.print_line(f"{OWNER}'s bot", text)
        poller.wait_until(
            "the stop begins", lambda: context.is_in_phase("stopping", "stopped"), cloud_time=warning_period
        )
        context.wait_until_ec2_state("stopped")
        poller.wait_until("gpudesk shows the instance as stopped", lambda: context.is_in_phase("stopped"))

    def start_again(self) -> None:
        """Start the stopped instance, whose zone has no capacity at first, and use what is on its disk."""
        context, narrator, poller = self._context, self._narrator, self._context.poller
        narrator.start_chapter("5. Start it again")
        self._start_without_capacity()
        context.wait_until_ec2_state("running")
        poller.wait_until("the instance is ready again", lambda: context.is_in_phase("ready"), cloud_time=BOOT_TIMEOUT)
        if context.stack.machines.is_real:
            self._jupyter.reconnect()

    def _start_without_capacity(self) -> None:
        """Request a start while the zone of the disk is full, and free the zone when gpudesk waits for it."""
        context, narrator, poller = self._context, self._narrator, self._context.poller
        cloud_admin, status = Client(context.stack.cloud_url), poller.get_instance()["status"]
        place = {"instance_type": status["instance_type"], "zone": status["zone"]}
        cloud_admin.post("/_local/capacity", {**place, "instances": 0})
        narrator.print_line("simulation", f"{place['zone']} has no {place['instance_type']} left.")
        body = {"wait_until": (context.stack.clock.now() + START_WAIT).isoformat()}
        narrator.print_line(OWNER, f"POST .../start {json.dumps(body)}")
        context.client.post(f"/instances/{poller.instance_id}/start", body)
        poller.wait_until(
            "gpudesk waits for capacity", lambda: poller.find_entry(EventCode.START_WAITING), cloud_time=BOOT_TIMEOUT
        )
        start = poller.get_instance()["status"]["start"]
        narrator.print_line("gpudesk", f"status.start: next try at {start['next_try_at']}.")
        cloud_admin.post("/_local/capacity", {**place, "instances": None})
        narrator.print_line("simulation", f"{place['zone']} has {place['instance_type']} again.")

    def terminate_instance(self) -> None:
        """Terminate the instance and check that EC2 shows it as terminated."""
        context, narrator, poller = self._context, self._narrator, self._context.poller
        narrator.start_chapter("6. Terminate it")
        narrator.print_line(OWNER, "DELETE /instances/...")
        context.client.request("DELETE", f"/instances/{poller.instance_id}")
        context.wait_until_ec2_state("terminated")
        poller.wait_until("gpudesk shows the instance as terminated", lambda: context.is_in_phase("terminated"))
