"""Build the record of a launch, its first timeline entries, and the warning that nobody can be notified."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.policy_override import warn_if_lowered
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings, build_dry_run_warning
from chalicelib.domain.instances.billing import Billing
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.prepare_launch import PreparedLaunch
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.notifications.channel_warnings import warn_if_unreachable, warn_if_unset
from chalicelib.domain.notifications.email_subscription import EmailState


def build_record(
    instance_id: str, actor: Actor, request: LaunchRequest, prepared: PreparedLaunch, now: datetime
) -> Instance:
    """Build the record of a launch. Its name is set when it is stored."""
    instance_type = prepared.spec.hardware.instance_type
    hardware = f"{request.gpu_count or 1} x {request.gpu} ({instance_type})" if request.gpu else f"a {instance_type}"
    reason = EventReason(code=EventCode.REQUESTED, message=f"{actor.name} requested {hardware}.")
    return Instance(
        id=instance_id,
        name=request.name or "",
        owner=actor.require_owner(),
        created_by=actor.owner,
        created_at=now,
        spec=prepared.spec,
        phase=Phase.REQUESTED,
        phase_since=now,
        reason=reason,
        setup=prepared.setup,
        billing=Billing(rates=prepared.rates),
    )


def build_timeline(instance: Instance, prepared: PreparedLaunch, actor: Actor) -> tuple[TimelineEntry, ...]:
    """Build the first timeline entries: the request, and what the launch inherits and skips."""
    now = instance.created_at
    reasons = [
        EventReason(code=EventCode(warning.code.value), message=warning.message) for warning in prepared.warnings
    ]
    return (
        timeline_entry(now, instance.reason, actor=actor.name),
        *(timeline_entry(now, reason) for reason in reasons),
    )


def list_launch_warnings(
    request: LaunchRequest,
    prepared: PreparedLaunch,
    owner_settings: OwnerSettings,
    settings: DeskSettings,
    email_state: EmailState | None,
) -> Iterator[WriteWarning]:
    """Yield the warnings about the disk, the market, the policy, the mode and the channels. Only the answer has them.

    :param email_state: of the address that notifications for the owner use
    """
    yield from prepared.disk_warnings
    default = owner_settings.policy.warning_minutes or settings.defaults.idle_policy.warning_minutes
    lowered = warn_if_lowered(request.policy, default, prepared.spec.policy.idle)
    no_channel = warn_if_unset(owner_settings, settings) or warn_if_unreachable(owner_settings, settings, email_state)
    yield from filter(None, (prepared.fallback_warning, lowered, build_dry_run_warning(settings.mode), no_channel))
