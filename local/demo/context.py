"""State of one demo and the waits that several of its chapters share."""

import json
from datetime import timedelta
from typing import Any

from chalicelib.domain.common.event_codes import EventCode
from local.demo.aws_user import AwsUser
from local.demo.client import Client, build_auth_headers
from local.demo.laptop import Laptop
from local.demo.narrator import Narrator
from local.demo.poller import TimelineEntry, TimelinePoller
from local.stack import Stack

OWNER = "ada"
BOOT_TIMEOUT = timedelta(minutes=5)
COMPARED_CHARACTERS = 24
"""Compared beginning of a line of output. A heartbeat may cut the same line at a different length each time."""


class DemoContext:
    """A person, her clients of gpudesk and AWS, and the instance that she launches.

    :ivar client: client of gpudesk's API with the person's token
    :ivar laptop: laptop of the person, with the same token
    :ivar poller: poller of the instance; set when the instance is requested
    :ivar ec2_instance_id: empty until EC2 has launched the instance
    """

    poller: TimelinePoller

    def __init__(self, stack: Stack, narrator: Narrator, laptop: Laptop, token: str) -> None:
        """Create the clients.

        :param token: bearer token of the person, as on the laptop
        """
        self.stack = stack
        self.narrator = narrator
        self.aws_user = AwsUser(stack.region)
        self.laptop = laptop
        self.client = Client(stack.api_url, build_auth_headers(token))
        self.ec2_instance_id = ""
        self._last_progress: tuple[object, ...] | None = None

    def wait_until_ec2_state(self, state: str) -> None:
        """Wait until EC2 itself shows the state."""

        def has_state() -> bool:
            self.ec2_instance_id = self.poller.get_instance()["status"]["instance_id"] or self.ec2_instance_id
            return bool(self.ec2_instance_id) and self.aws_user.get_ec2_state(self.ec2_instance_id) == state

        self.poller.wait_until(f"EC2 shows the instance as {state}", has_state, cloud_time=BOOT_TIMEOUT)
        self.narrator.print_line("EC2", f"DescribeInstances: {self.ec2_instance_id} is {state}.")

    def wait_until_document_succeeds(self, index: int) -> TimelineEntry:
        """Wait until a document of the recipe has succeeded, and print its progress.

        :param index: position of the document in the recipe, from 0
        """

        def find_entry() -> TimelineEntry | None:
            self._print_progress()
            succeeded = [entry for entry in self.poller.entries if entry.code == EventCode.DOCUMENT_SUCCEEDED]
            return succeeded[index] if index < len(succeeded) else None

        return self.poller.wait_until(f"document {index + 1} of the recipe succeeds", find_entry)

    def wait_until_spared_by_sweep(self, evidence: str) -> None:
        """Wait until gpudesk observes activity, and until a sweep after that has not stopped the instance.

        :param evidence: part of the activity's message
        """
        message = self.poller.wait_until(f"gpudesk observes: {evidence}", lambda: self.find_activity("busy", evidence))
        before = self._get_last_sweep()
        self.poller.wait_until("a sweep completes", lambda: self._get_last_sweep() > before, cloud_time=BOOT_TIMEOUT)
        self.narrator.print_line("gpudesk", f"A sweep ran and did not stop the instance. {message}")

    def is_in_phase(self, *phases: str) -> bool:
        """Return whether the instance is in one of the phases."""
        return self.poller.get_instance()["phase"] in phases

    def find_activity(self, state: str, evidence: str = "") -> str | None:
        """Return the activity's message if the activity has this state and its message contains `evidence`."""
        activity = self.poller.get_instance()["status"]["activity"]
        if activity and activity["state"] == state and evidence in activity["message"]:
            return str(activity["message"])
        return None

    def print_status(self) -> None:
        """Print the state of the instance, to show why the demo failed."""
        self.poller.print_new_entries()
        instance = self.poller.get_instance()
        message = instance["reason"]["message"]
        self.narrator.print_line("gpudesk", f"Phase of {instance['name']}: {instance['phase']}. {message}")
        self.narrator.print_text(json.dumps(instance["status"], indent=2))

    def _get_last_sweep(self) -> str:
        return str(self.client.get("/healthz")["last_sweep_at"])

    def _print_progress(self) -> None:
        """Print the running step of the setup each time its last line of output changes."""
        setup = self.poller.get_instance()["status"]["setup"] or {}
        step = setup.get("step")
        progress = (
            (setup.get("document"), step["name"], step["last_output_line"][:COMPARED_CHARACTERS]) if step else None
        )
        if step is None or progress == self._last_progress:
            return
        self._last_progress = progress
        self.narrator.print_line("instance", f"  {_format_progress(setup, step)}")


def _format_progress(setup: Any, step: Any) -> str:
    """Return the running step of a setup, its times and its last line of output."""
    name = f"{setup['document']}, step {step['name']} ({step['step_index']} of {step['step_count']})"
    remaining = setup["remaining_seconds"]
    estimate = f", about {remaining} s remaining" if remaining is not None else ""
    output = f" Output: {step['last_output_line']}" if step["last_output_line"] else ""
    return f"{name} has been running for {step['running_seconds']} s{estimate}.{output}"
