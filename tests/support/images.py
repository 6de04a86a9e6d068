"""Images in scenario tests: creation and waiting."""

from typing import Any

from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.record import Instance
from tests.support.world import ADA, World


def ask(desk: World, instance: Instance, *, no_reboot: bool = False, name: str = "vision-1") -> Image:
    requests = desk.desk.images
    return requests.create(ADA, instance.id, name=name, description="", no_reboot=no_reboot).image


def look(desk: World, image: Image) -> Image:
    found = desk.desk.images.stores.images.load(image.id)
    assert found is not None
    return found


def until(desk: World, image: Image, *phases: ImagePhase, minutes: int = 30) -> Image:
    for _ in range(minutes):
        current = look(desk, image)
        if current.phase in phases:
            return current
        desk.minute()
    raise AssertionError(f"{look(desk, image).phase} after {minutes} minutes: {look(desk, image).reason.message}")


def made(desk: World, instance: Instance, **asked: Any) -> Image:
    """Return an image that is available. It is restored if another test has made the same one."""
    return desk.shared(("image", instance.id, asked), lambda: _make(desk, instance, **asked))


def _make(desk: World, instance: Instance, **asked: Any) -> Image:
    image = until(desk, ask(desk, instance, **asked), ImagePhase.AVAILABLE, ImagePhase.FAILED)
    assert image.phase is ImagePhase.AVAILABLE, image.reason
    return at_rest(desk, image)


def at_rest(desk: World, image: Image) -> Image:
    """Wait until no work on the image is left."""
    for _ in range(10):
        if not look(desk, image).needs_work:
            return look(desk, image)
        desk.minute()
    raise AssertionError(f"{look(desk, image)} is still open")
