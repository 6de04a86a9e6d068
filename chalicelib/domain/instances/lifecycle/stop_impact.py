"""Describe what a stop would end, how to prevent it, and when there is none. Stop warnings say it."""

from chalicelib.domain.common.deadlines import BEFORE_STOP_BOUND
from chalicelib.domain.common.text import format_duration, join_and, pluralize
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.record import Instance

PROBE_DOCUMENT = "gpudesk-probe"

LIVE_COUNT_NOUNS = {
    "kernels": "kernel",
    "terminals": "Jupyter terminal",
    "tmux": "tmux session",
    "screen": "screen session",
}


def describe_stop_impact(instance: Instance, heartbeat: DecodedHeartbeat) -> str:
    """Return one sentence about what a stop would end, and what stays.

    :param heartbeat: it counts the kernels, terminals and sessions; if it cannot be read, the sentence names only the
        kinds
    """
    live_counts = heartbeat.live_counts if isinstance(heartbeat, Heartbeat) else {}
    live = [pluralize(live_counts[kind], noun) for kind, noun in LIVE_COUNT_NOUNS.items() if live_counts.get(kind)]
    ended = f", among them {join_and(live)}," if live else " (kernels, terminals, tmux)"
    lost, kept = describe_lost_files(instance), _describe_kept(instance)
    return f"A stop ends all programs{ended} and deletes {lost}. {kept}{describe_hook(instance)}"


def describe_stopped_costs(instance: Instance) -> str:
    """Return what stays after a stop, and what of it is billed, as sentences.

    AWS bills only the volumes of a stopped spot instance:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
    """
    request = " Its spot request stays, too, and costs nothing." if has_spot_request(instance.ec2_instance) else ""
    return f"Its root disk stays and is billed.{request}"


def describe_hook(instance: Instance) -> str:
    """Return which program runs before the stop, as a sentence after a space; an empty text if there is none."""
    hook = instance.spec.policy.before_stop_hook
    return f" Before the stop, {hook} runs for at most {format_duration(BEFORE_STOP_BOUND)}." if hook else ""


def describe_outlook(observation: Observation) -> str:
    """Return whether EC2 may refuse a start after the stop, as sentences after a space; empty: nothing is known."""
    return f" {observation.start_outlook}" if observation.start_outlook else ""


def describe_keep(instance: Instance) -> str:
    """Return how to keep the instance running, as a clause. The probe brings `gpudesk-keep` to the instance."""
    has_probe = any(result.name == PROBE_DOCUMENT and result.succeeded for result in instance.setup.results)
    return "press Keep or run gpudesk-keep 4h on it" if has_probe else "press Keep"


def describe_missing_stop(name: str, mode: Mode) -> str:
    """Return that gpudesk stops an instance only when somebody requests it, as a sentence.

    :param mode: `dry_run` or `paused`
    """
    state = "is paused" if mode is Mode.PAUSED else "only does a dry run"
    return f"gpudesk {state}: it does not stop {name} on its own until an admin sets mode to enforce."


def _describe_kept(instance: Instance) -> str:
    is_spot = has_spot_request(instance.ec2_instance)
    return "The root disk and the spot request stay." if is_spot else "The root disk stays."


def describe_lost_files(instance: Instance) -> str:
    """Return which files a stop deletes: "/tmp and the instance store (125 GB)"."""
    store = instance.spec.hardware.instance_store_gb
    return "/tmp" + (f" and the instance store ({store} GB)" if store else "")  # noqa: S108 - a text for people
