"""Images as people ask for them: written down here, made by the loop (`control/gallery.py`)."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from chalicelib.control.services.instances import load_visible
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, NotFound, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.images.capture import captured_recipes
from chalicelib.domain.images.record import (
    IN_PROGRESS_PHASES,
    Image,
    ImagePhase,
    ImageSource,
)
from chalicelib.domain.images.secret_restore import describe_regenerated_secrets
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.names import NAME_DESCRIPTION, is_valid_name
from chalicelib.domain.instances.record import ImageInProgress, Instance, Machine, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import collect_documents_for_image
from chalicelib.store.desk import DeskRepository
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository, UnreadableRecord


@dataclass(frozen=True)
class ImageRequested:
    """The image that a request creates, with warnings for the answer."""

    image: Image
    warnings: tuple[WriteWarning, ...]


@dataclass(frozen=True, kw_only=True)
class ImageService:
    """POST /instances/{name}/images, GET and DELETE /images; and which image a launch means."""

    images: ImageRepository
    instances: InstanceRepository
    queries: QueryService
    desk: DeskRepository
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    clock: Clock

    def create(self, actor: Actor, ref: str, *, name: str, description: str, no_reboot: bool) -> ImageRequested:
        """Written down. The same wish while it is being made is answered with the same image.

        :raises Conflict: it does not run, or another image is being made of it
        """
        actor.owner_for_new()
        if not is_valid_name(name):
            raise ValidationFailed(
                f"name must be {NAME_DESCRIPTION}", errors=(FieldError("name", f"must be {NAME_DESCRIPTION}"),)
            )
        self.desk.settings().require_not_paused("Images can be created")

        def create_once() -> ImageRequested:
            instance = load_visible(self.instances, actor, ref)
            if instance.image_in_progress:
                return ImageRequested(self._same(instance, instance.image_in_progress.id, name, no_reboot), ())
            image = self._new(actor, instance, self._machine(instance), (name, description, no_reboot))
            how = "without a reboot" if no_reboot else f"for which it reboots: {describe_regenerated_secrets(image)}"
            reason = because(EventCode.IMAGE_REQUESTED, f"{actor.name} asked for an image of it, {name}, {how}")
            entries = (timeline_entry(self.clock.now(), reason, actor=actor.name, details={"image": image.id}),)
            warnings = tuple(self._warnings(actor, instance, image))
            instance_write = RecordWrite(
                before=instance,
                after=replace(instance, image_in_progress=ImageInProgress(id=image.id, started_at=image.created_at)),
                entries=entries,
                user_write=True,
            )
            return ImageRequested(self.images.write(image, instance_write), warnings)

        return retry_user_write(f"Instance {ref}", create_once)

    def get(self, actor: Actor, ref: str) -> Image:
        """By id, or by name where no other one of the actor's is called so.

        :raises NotFound: it does not exist, or is somebody else's
        :raises Conflict: several are called so
        """
        image = self.images.load(ref) or self._called(actor, ref)
        is_theirs = image is not None and (actor.can_see_all or image.owner == actor.effective_owner)
        if image is None or not is_theirs or image.phase is ImagePhase.DELETED:
            message = f"there is no image {ref[:60]!r} of yours; GET /images lists them"
            raise NotFound(message, code=ErrorCode.IMAGE_NOT_FOUND)
        return image

    def _called(self, actor: Actor, name: str) -> Image | None:
        found = [each.id for each in self.images.list_all(actor.effective_owner) if each.name == name]
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} images are called {name}: {', '.join(found)}; name its id", code=ErrorCode.AMBIGUOUS
            )
        return self.images.load(found[0]) if found else None

    def list_images(self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None) -> Page[Image]:
        """Newest first; an admin's are everybody's, or one owner's."""
        return self.images.page(actor.list_scope(owner), limit=limit, cursor=cursor)

    def delete(self, actor: Actor, ref: str) -> Image:
        """Claimed here; the loop takes AMI and snapshots away until EC2 shows none of them any more.

        :raises Conflict: it is being made, or a launch is about to use it; or several are called so
        """
        actor.owner_for_new()

        def delete_once() -> Image:
            image = self.get(actor, ref)
            if image.phase is ImagePhase.DELETING:
                return image
            self._may_go(image)
            now = self.clock.now()
            reason = because(EventCode.DELETING, f"{actor.name} deletes it, with its snapshots")
            going = replace(image, phase=ImagePhase.DELETING, phase_since=now, reason=reason, last_called_at=None)
            return self.images.write(going)

        return retry_user_write(f"Image {ref}", delete_once)

    def _machine(self, instance: Instance) -> Machine:
        if instance.spec.desired is not DesiredState.RUNNING:
            raise Conflict(
                f"{instance.name} is to be {instance.spec.desired}: no image is made of it", code=ErrorCode.NOT_READY
            )
        if instance.phase is not Phase.READY or instance.machine is None:
            message = f"{instance.name} is {instance.phase}: an image is made of an instance that is ready"
            raise Conflict(message, code=ErrorCode.NOT_READY)
        if instance.benchmark_run:
            raise Conflict(
                f"A benchmark is running on {instance.name}. Request the image when it has ended.",
                code=ErrorCode.BENCHMARK_IN_PROGRESS,
            )
        return instance.machine

    def _same(self, instance: Instance, image_id: str, name: str, no_reboot: bool) -> Image:
        """The answer to a request that is repeated while the image is being made."""
        image = self.images.load(image_id)
        if image and (image.name, image.no_reboot) == (name, no_reboot):
            return image
        raise Conflict(
            f"an image of {instance.name} is being made already: {image_id}",
            code=ErrorCode.IMAGE_IN_PROGRESS,
        )

    def _new(self, actor: Actor, instance: Instance, machine: Machine, wish: tuple[str, str, bool]) -> Image:
        (name, description, no_reboot), now = wish, self.clock.now()
        kind = self.catalog.types.get(instance.spec.hardware.instance_type)
        return Image(
            id=f"gi-{secrets.token_hex(8)}",
            name=name,
            description=description or f"{instance.spec.software.recipe}, made of {instance.name} by gpudesk",
            owner=instance.owner,
            created_by=actor.owner,
            created_at=now,
            region=instance.spec.region,
            recipe=instance.spec.software.recipe,
            parameters=instance.spec.software.parameters,
            added_recipes=captured_recipes(instance, self.recipes),
            disk_gib=instance.spec.disk_gib,
            no_reboot=no_reboot,
            installed_documents=collect_documents_for_image(instance.setup),
            phase=ImagePhase.REQUESTED,
            phase_since=now,
            reason=because(EventCode.REQUESTED, f"{actor.name} asked for it"),
            source=ImageSource(
                instance_id=instance.id,
                instance_name=instance.name,
                ec2_instance_id=machine.instance_id,
                arch=kind.arch if kind else "x86_64",
                base_image_parameter=instance.spec.software.image_parameter or (kind.image if kind else None),
            ),
        )

    def _warnings(self, actor: Actor, instance: Instance, image: Image) -> Iterator[WriteWarning]:
        yield WriteWarning(
            WarningCode.HOME_DIRECTORY_INCLUDED,
            "The image contains the home directory with everything in it: notebooks, data, keys, credentials and shell "
            "history.",
        )
        yield WriteWarning(
            WarningCode.INSTANCE_STORE_EXCLUDED,
            "The image does not contain instance stores or /tmp. Each instance that is launched from it gets a new "
            "machine identity, a new Jupyter token and new ssh host keys.",
        )
        captured = {added_recipe.recipe for added_recipe in image.added_recipes}
        for added in instance.spec.software.added_recipes:
            if added.recipe not in captured:
                message = f"Recipe {added.recipe} of {instance.name} is not captured: its setup did not succeed."
                yield WriteWarning(WarningCode.RECIPE_NOT_CAPTURED, message)
        yield WriteWarning(
            WarningCode.SESSIONS_RESTRICTED,
            "Secrets are removed from the disk until EC2 has taken its snapshot, usually for a few minutes. Until "
            "then, sessions of kind ssh, jupyter and jupyter_token are refused.",
        )
        yield from self._reboot_warnings(actor, instance, image)

    def _reboot_warnings(self, actor: Actor, instance: Instance, image: Image) -> Iterator[WriteWarning]:
        if image.no_reboot:
            message = (
                "Without a reboot the file system in the image may be inconsistent. Stop programs that write first."
            )
            yield WriteWarning(WarningCode.FILE_SYSTEM_INCONSISTENT, message)
            return
        secrets = describe_regenerated_secrets(image)
        message = f"{instance.name} reboots for its image. Everything that runs on it ends, and {secrets}."
        yield WriteWarning(WarningCode.INSTANCE_REBOOTS, message)
        activity = self.queries.get(actor, instance.id).live.activity
        if activity and activity.state is ActivityState.BUSY:
            message = f"{instance.name} is in use, and the reboot interrupts that: {activity.reason.message}."
            yield WriteWarning(WarningCode.ACTIVITY_INTERRUPTED, message)

    def _may_go(self, image: Image) -> None:
        if image.phase in IN_PROGRESS_PHASES:
            raise Conflict(
                f"{image.name} is {image.phase}: it can be deleted once that is over", code=ErrorCode.IMAGE_NOT_READY
            )
        living = [each for each in self.instances.list_active() if not isinstance(each, UnreadableRecord)]
        for each in living:
            is_of_it = each.spec.software.image is not None and each.spec.software.image.id == image.id
            if is_of_it and each.phase in (Phase.REQUESTED, Phase.LAUNCHING):
                raise Conflict(f"{each.name} is being launched from {image.name}", code=ErrorCode.IN_USE)
