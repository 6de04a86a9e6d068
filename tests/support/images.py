"""Creation of images in scenario tests, and waiting for their phases."""

from typing import Any

from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.record import Instance
from tests.support.world import ADA, World


def create_image(world: World, instance: Instance, *, no_reboot: bool = False, name: str = "vision-1") -> Image:
    requests = world.application.images
    return requests.create(ADA, instance.id, name=name, description="", no_reboot=no_reboot).image


def load_image(world: World, image: Image) -> Image:
    found = world.application.images.stores.images.load(image.id)
    assert found is not None
    return found


def wait_for_image_phase(world: World, image: Image, *phases: ImagePhase, minutes: int = 30) -> Image:
    for _ in range(minutes):
        current = load_image(world, image)
        if current.phase in phases:
            return current
        world.pass_minutes()
    raise AssertionError(
        f"{load_image(world, image).phase} after {minutes} minutes: {load_image(world, image).reason.message}"
    )


def create_available_image(world: World, instance: Instance, **request: Any) -> Image:
    image = wait_for_image_phase(
        world, create_image(world, instance, **request), ImagePhase.AVAILABLE, ImagePhase.FAILED
    )
    assert image.phase is ImagePhase.AVAILABLE, image.reason
    return wait_until_finished(world, image)


def wait_until_finished(world: World, image: Image) -> Image:
    """Let minutes pass until gpudesk has finished its work on the image."""
    for _ in range(10):
        if not load_image(world, image).needs_work:
            return load_image(world, image)
        world.pass_minutes()
    raise AssertionError(f"{load_image(world, image)} still needs work")
