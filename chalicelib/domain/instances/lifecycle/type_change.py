"""Decide for an instance whose type was changed, by gpudesk or not: the type that EC2 shows counts."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.instances.hardware import build_hardware, describe_price, describe_unknown_gpus
from chalicelib.domain.instances.lifecycle.plans import record_event
from chalicelib.domain.instances.lifecycle.resize import end_type_change, is_requested_type
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import Hardware, Spec

GPU_COUNT_PLACEHOLDER = "${gpu_count}"

PHASES_OF_START = (Phase.STOPPING, Phase.STOPPED, Phase.BOOTING)
"""Phases before an instance is ready: nobody works on it yet, so its documents can run again."""


def decide_type_change(
    instance: Instance, observation: Observation, catalog: InstanceTypeCatalog, now: datetime
) -> Plan | None:
    """Take over the type that EC2 shows, with its price and its GPUs, and notify people once.

    A type can be changed while the instance is stopped:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html

    :returns: None if the type is that of the record
    """
    observed, before = observation.ec2, instance.spec.hardware
    if not isinstance(observed, ObservedInstance) or observed.instance_type == before.instance_type:
        return None
    after = build_hardware(observed.instance_type, catalog)
    price = catalog.get_price(after.instance_type, instance.spec.region)
    rates = replace(instance.billing.rates, instance=price)
    changed = replace(
        instance,
        spec=replace(instance.spec, hardware=after),
        billing=replace(instance.billing, rates=rates),
    )
    is_requested = is_requested_type(instance, after.instance_type)
    changed, is_set_up_again = _set_up_again(end_type_change(changed) if is_requested else changed, before)
    gpus = _describe_gpus(before, changed.spec, is_set_up_again=is_set_up_again)
    cause = "as requested" if is_requested else "somebody changed its type outside gpudesk"
    message = (
        f"{instance.name} is a {after.instance_type} now and no longer a {before.instance_type}: {cause}. "
        f"{describe_price(after.instance_type, price)} {gpus}{_describe_arch(before, after, catalog)}"
    )
    reason = EventReason(code=EventCode.RESIZED if is_requested else EventCode.TYPE_CHANGED, message=message)
    details = {"instance_type": after.instance_type, "former_type": before.instance_type}
    return replace(record_event(changed, reason, now, **details), requeue=True)


def _describe_gpus(before: Hardware, spec: Spec, *, is_set_up_again: bool) -> str:
    after = spec.hardware
    count = after.setup_gpu_count
    expected = describe_unknown_gpus(spec) or f"gpudesk expects {pluralize(count, 'NVIDIA GPU')} on it."
    if before.setup_gpu_count == count:
        return expected
    if is_set_up_again:
        return f"{expected} Its probe is set up for them at the next start."
    return f"{expected} Run its setup again, so that the probe expects them."


def _describe_arch(before: Hardware, after: Hardware, catalog: InstanceTypeCatalog) -> str:
    """Return what another architecture means, as sentences. The type may also have been changed back."""
    old, new = catalog.types.get(before.instance_type), catalog.types.get(after.instance_type)
    if old is None or new is None or old.arch == new.arch:
        return ""
    return (
        f" Its architecture is {new.arch} now and no longer {old.arch}: EC2 rejects the start unless that is the "
        "architecture of its AMI. If it is not, change the type back, or launch another instance."
    )


def _set_up_again(instance: Instance, before: Hardware) -> tuple[Instance, bool]:
    """Let the documents that depend on the number of GPUs run again at the next start.

    :returns: the instance, and whether any document runs again
    """
    setup = instance.setup
    documents = tuple(
        document
        for document in setup.documents
        if any(GPU_COUNT_PLACEHOLDER in value for value in document.parameters.values())
    )
    is_same = before.setup_gpu_count == instance.spec.hardware.setup_gpu_count
    if is_same or not documents or not setup.is_done or instance.phase not in PHASES_OF_START:
        return instance, False
    return replace(instance, setup=setup.begin_again(documents, on_running_instance=True)), True
