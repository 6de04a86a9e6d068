"""Complete a launch request with the settings, the catalog, the images and the spot prices that are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.images.selection import LATEST
from chalicelib.domain.launch.image_choice import find_latest_image, find_requested_image
from chalicelib.domain.launch.prepare_launch import PreparedLaunch, prepare_launch
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.offers.spot_price import find_lowest_spot_price
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class LaunchPreparer:
    """Completes launch requests. It writes nothing.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    clock: Clock

    def prepare(
        self, actor: Actor, request: LaunchRequest, settings: DeskSettings, owner_settings: OwnerSettings
    ) -> PreparedLaunch:
        """Choose image and type, and complete the request.

        :raises ValidationFailed: names every wrong field
        """
        context = LaunchContext(
            catalog=self.catalog,
            recipes=self.recipes,
            settings=settings,
            owner_policy=owner_settings.policy,
            deployed_regions=self.regions,
            now=self.clock.now(),
            find_spot_price=self._find_spot_price,
        )
        image = None
        if request.image and request.image != LATEST:
            visible = self.stores.images.list_all(actor.resolve_owner_for_list())
            image = find_requested_image(request.image, visible, actor)
        choice = choose_instance_type(request, context, image)
        if request.image == LATEST:
            image = find_latest_image(request, context, choice, self.stores.images.list_all(actor.effective_owner))
        return prepare_launch(request, context, choice, image)

    def _find_spot_price(self, region: str, instance_type: str) -> Decimal | None:
        return find_lowest_spot_price(self.stores.offers.get_many([region]).get(region), instance_type)
