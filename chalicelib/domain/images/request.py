"""Turn a request for an image into its record, with the warnings for the answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import HOURS_PER_MONTH, InstanceTypeCatalog
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.idle.rule import ActivityJudgment, ActivityState
from chalicelib.domain.images.record import Image, ImagePhase, ImageSource
from chalicelib.domain.images.secret_restore import describe_regenerated_secrets
from chalicelib.domain.instances.commands.change import describe_not_ready, require_not_ending
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import AddedRecipe, collect_documents_for_image


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """The body of POST /instances/{name}/images."""

    name: str
    description: str
    no_reboot: bool


def require_imageable(instance: Instance) -> Ec2Instance:
    """Return the EC2 instance of an instance from which an image can be created now.

    :raises Conflict: the instance is not ready, is about to end, or runs a benchmark
    """
    require_not_ending(instance, "be the source of an image")
    is_ready = instance.phase is Phase.READY and instance.spec.desired is DesiredState.RUNNING
    if has_failed_to_start(instance):
        message = (
            f"{instance.name} does not run, so no image can be created from it: gpudesk removes its secrets while it "
            f"runs. {instance.reason.message}"
        )
        raise Conflict(message, code=ErrorCode.NOT_READY)
    if not is_ready or instance.ec2_instance is None:
        raise Conflict(describe_not_ready(instance, "Request the image"), code=ErrorCode.NOT_READY)
    if instance.benchmark_run:
        message = f"{instance.name} runs a benchmark. Request the image again when the benchmark has ended."
        raise Conflict(message, code=ErrorCode.BENCHMARK_IN_PROGRESS)
    return instance.ec2_instance


def has_failed_to_start(instance: Instance) -> bool:
    """Return whether a start of the instance waits for capacity, or has failed last."""
    return instance.reason.code in (EventCode.START_WAITING, EventCode.START_FAILED)


def find_captured_recipes(instance: Instance, recipes: Mapping[str, Recipe]) -> tuple[AddedRecipe, ...]:
    """Return the added recipes whose documents have all succeeded on the instance.

    A recipe that failed is left out: it would also fail in every launch from the image.
    """
    succeeded = {result.name: result.succeeded for result in instance.setup.results}
    return tuple(
        added
        for added in instance.spec.software.added_recipes
        if added.recipe in recipes and all(succeeded.get(document.name) for document in recipes[added.recipe].documents)
    )


@dataclass(frozen=True)
class ImageBuilder:
    """Builds the records of requested images."""

    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]

    def build(self, image_id: str, request: ImageRequest, instance: Instance, actor: Actor, now: datetime) -> Image:
        """Build the record of a requested image.

        :raises Conflict: no image can be created from the instance now
        """
        software = instance.spec.software
        return Image(
            id=image_id,
            name=request.name,
            description=request.description or f"Recipe {software.recipe}, created from {instance.name} by gpudesk",
            owner=instance.owner,
            created_by=actor.owner,
            created_at=now,
            source=self._build_source(instance),
            project=instance.spec.project,
            gib_price_per_hour=self.catalog.get_snapshot_price_per_gib_month(instance.spec.region) / HOURS_PER_MONTH,
            region=instance.spec.region,
            recipe=software.recipe,
            parameters=software.parameters,
            added_recipes=find_captured_recipes(instance, self.recipes),
            disk_gib=instance.spec.disk_gib or 0,
            no_reboot=request.no_reboot,
            installed_documents=collect_documents_for_image(instance.setup),
            phase=ImagePhase.REQUESTED,
            phase_since=now,
            reason=EventReason(
                code=EventCode.REQUESTED, message=f"{actor.name} requested image {request.name} of {instance.name}."
            ),
        )

    def _build_source(self, instance: Instance) -> ImageSource:
        ec2_instance = require_imageable(instance)
        instance_type = self.catalog.types.get(instance.spec.hardware.instance_type)
        default_parameter = instance_type.image if instance_type else None
        return ImageSource(
            instance_id=instance.id,
            instance_name=instance.name,
            ec2_instance_id=ec2_instance.instance_id,
            arch=instance_type.arch if instance_type else "x86_64",
            base_image_parameter=instance.spec.software.image_parameter or default_parameter,
        )


def build_request_entry(image: Image, actor: Actor) -> TimelineEntry:
    """Build the entry for the timeline of the instance."""
    effect = "without a reboot" if image.no_reboot else f"with a reboot; {describe_regenerated_secrets(image)}"
    message = f"{actor.name} requested image {image.name} of {image.source.instance_name}, {effect}."
    reason = EventReason(code=EventCode.IMAGE_REQUESTED, message=message)
    return timeline_entry(image.created_at, reason, actor=actor.name, details={"image": image.id})


def list_image_warnings(instance: Instance, image: Image, activity: ActivityJudgment | None) -> Iterator[WriteWarning]:
    """Yield what the image contains, and what its creation ends.

    :param activity: of the instance; None if it is unknown
    """
    yield WriteWarning(
        WarningCode.HOME_DIRECTORY_INCLUDED,
        "The image contains the home directory with everything in it: notebooks, data, keys, credentials and shell "
        "history.",
    )
    yield WriteWarning(
        WarningCode.INSTANCE_STORE_EXCLUDED,
        "The image does not contain instance stores. It contains /tmp, which an instance that is launched from it "
        "empties when it boots: delete secrets in /tmp first. Each such instance gets a new machine identity, a new "
        "Jupyter token and new ssh host keys.",
    )
    captured = {added.recipe for added in image.added_recipes}
    for added in instance.spec.software.added_recipes:
        if added.recipe not in captured:
            message = f"Recipe {added.recipe} of {instance.name} is not captured: its setup did not succeed."
            yield WriteWarning(WarningCode.RECIPE_NOT_CAPTURED, message)
    yield WriteWarning(
        WarningCode.SESSIONS_RESTRICTED,
        "Secrets are removed from the disk until EC2 has taken its snapshot, usually for a few minutes. Until "
        "then, sessions of kind ssh, jupyter and jupyter_token are refused.",
    )
    yield from _list_reboot_warnings(instance, image, activity)


def _list_reboot_warnings(
    instance: Instance, image: Image, activity: ActivityJudgment | None
) -> Iterator[WriteWarning]:
    if image.no_reboot:
        message = "Without a reboot the file system in the image may be inconsistent. Stop programs that write first."
        yield WriteWarning(WarningCode.FILE_SYSTEM_INCONSISTENT, message)
        return
    secrets = describe_regenerated_secrets(image)
    message = f"{instance.name} reboots for its image. Everything that runs on it ends, and {secrets}."
    yield WriteWarning(WarningCode.INSTANCE_REBOOTS, message)
    if activity and activity.state is ActivityState.BUSY:
        message = f"{instance.name} is in use, and the reboot interrupts that. {activity.reason.message}"
        yield WriteWarning(WarningCode.ACTIVITY_INTERRUPTED, message)
