"""Request, read and delete images. The control loop creates and deletes them in EC2 afterwards."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.control.services.instances import load_visible
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.unreadable_records import hide_unreadable
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor, build_image_not_found_error
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, build_validation_error
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.foreign.missing_profile import build_missing_profile_warning
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.images.request import ImageBuilder, ImageRequest, build_request_entry, list_image_warnings
from chalicelib.domain.images.selection import IMAGE_ID_PREFIX, find_image_name_problem
from chalicelib.domain.instances.record import LAUNCHING_PHASES, ImageInProgress, Instance
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True)
class ImageWithWarnings:
    """The requested image, with remarks for the caller."""

    image: Image
    warnings: tuple[WriteWarning, ...]


@dataclass(frozen=True, kw_only=True)
class ImageService:
    """POST /instances/{name}/images, GET and DELETE /images."""

    stores: Repositories
    queries: QueryService
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    clock: Clock

    def create(self, actor: Actor, ref: str, *, name: str, description: str, no_reboot: bool) -> ImageWithWarnings:
        """Record the request for an image. A repeated request returns the image that is already being created.

        :raises ValidationFailed: the name is invalid
        :raises Conflict: gpudesk is paused, no image can be created from the instance now, or another one is created
        """
        actor.require_owner()
        problem = find_image_name_problem(name)
        if problem:
            raise build_validation_error([FieldError("name", problem)])
        self.stores.desk.get_settings().require_not_paused("Images can be created")
        request = ImageRequest(name=name, description=description, no_reboot=no_reboot)
        return retry_user_write(f"Instance {ref}", lambda: self._create_once(actor, ref, request))

    def _create_once(self, actor: Actor, ref: str, request: ImageRequest) -> ImageWithWarnings:
        instance = load_visible(self.stores.instances, actor, ref)
        if instance.image_in_progress:
            return ImageWithWarnings(self._find_repeated(instance, instance.image_in_progress, request), ())
        builder = ImageBuilder(self.catalog, self.recipes)
        image = builder.build(f"{IMAGE_ID_PREFIX}{secrets.token_hex(8)}", request, instance, actor, self.clock.now())
        activity = None if request.no_reboot else self.queries.get(actor, instance.id).live.activity
        warnings = [*list_image_warnings(instance, image, activity), build_missing_profile_warning(instance)]
        instance_write = RecordWrite(
            before=instance,
            after=replace(instance, image_in_progress=ImageInProgress(id=image.id, started_at=image.created_at)),
            entries=(build_request_entry(image, actor),),
            is_user_write=True,
        )
        return ImageWithWarnings(self.stores.images.write(image, instance_write), tuple(filter(None, warnings)))

    def _find_repeated(self, instance: Instance, in_progress: ImageInProgress, request: ImageRequest) -> Image:
        """Return the image in progress if the request repeats the request for it.

        :raises Conflict: another image is requested
        """
        image = self.stores.images.find(in_progress.id)
        if image and (image.name, image.no_reboot) == (request.name, request.no_reboot):
            return image
        message = (
            f"Image {in_progress.id} of {instance.name} is being created. Request another one when it is available."
        )
        raise Conflict(message, code=ErrorCode.IMAGE_IN_PROGRESS)

    def get(self, actor: Actor, ref: str) -> Image:
        """Return the image with this id, or the only image with this name, among those that the caller may see.

        :raises NotFound: it does not exist, or the caller may not see it
        :raises Conflict: several of these images have this name
        :raises UnreadableItem: its record cannot be read
        """
        actor.require_owner()
        with hide_unreadable(actor, build_image_not_found_error(ref)):
            image = self.stores.images.load(ref) or self._find_by_name(actor, ref)
        if image is None or not actor.can_access(image.owner) or image.phase is ImagePhase.DELETED:
            raise build_image_not_found_error(ref)
        return image

    def _find_by_name(self, actor: Actor, name: str) -> Image | None:
        visible = self.stores.images.list_all(actor.resolve_owner_for_list())
        ids = [image.id for image in visible if image.name == name]
        if len(ids) > 1:
            message = f"{len(ids)} images have the name {name}: {', '.join(ids)}. Send the id."
            raise Conflict(message, code=ErrorCode.AMBIGUOUS)
        return self.stores.images.load(ids[0]) if ids else None

    def list_images(self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None) -> Page[Image]:
        """Return a page of images, newest first.

        :param owner: only this owner's; None: all that the caller may see
        :raises Forbidden: a user names another owner
        """
        return self.stores.images.list_page(actor.resolve_owner_for_list(owner), limit=limit, cursor=cursor)

    def delete(self, actor: Actor, ref: str) -> Image:
        """Record that the image is to be deleted, with its AMI and its snapshots.

        :raises NotFound: it does not exist, or the caller may not see it
        :raises Conflict: it is being created, an instance is being launched from it, or its name is ambiguous
        """
        actor.require_owner()

        def delete_once() -> Image:
            image = self.get(actor, ref)
            if image.phase is ImagePhase.DELETING:
                return image
            self._require_deletable(image)
            now = self.clock.now()
            message = f"{actor.name} requested the deletion of image {image.name} and its snapshots."
            reason = EventReason(code=EventCode.DELETING, message=message)
            return self.stores.images.write(
                replace(image, phase=ImagePhase.DELETING, phase_since=now, reason=reason, last_called_at=None)
            )

        return retry_user_write(f"Image {ref}", delete_once)

    def _require_deletable(self, image: Image) -> None:
        """Refuse to delete an image that is still needed.

        :raises Conflict: it is being created, or an instance is being launched from it
        """
        if image.phase in IN_PROGRESS_PHASES:
            message = f"Image {image.name} is {image.phase}. It can be deleted when it is available or failed."
            raise Conflict(message, code=ErrorCode.IMAGE_NOT_READY)
        for instance in self.stores.instances.list_active():
            if isinstance(instance, UnreadableRecord) or instance.phase not in LAUNCHING_PHASES:
                continue
            if instance.spec.software.image and instance.spec.software.image.id == image.id:
                message = f"{instance.name} is being launched from image {image.name}. Delete the image afterwards."
                raise Conflict(message, code=ErrorCode.IN_USE)
