"""Turn a launch request into a complete spec, or into every reason why it cannot be launched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.hardware import build_hardware, find_rates
from chalicelib.domain.instances.spec import (
    DEFAULT_HOP_LIMIT,
    DesiredState,
    ImageRef,
    Software,
    Spec,
    collect_documents,
)
from chalicelib.domain.instances.spot_rates import to_spot_rates
from chalicelib.domain.launch.disk_size import list_disk_warnings
from chalicelib.domain.launch.fallback_warning import find_fallback_warning
from chalicelib.domain.launch.from_image import describe_launch_from_image, inherit_recipes
from chalicelib.domain.launch.market_choice import choose_market
from chalicelib.domain.launch.offer_choice import build_launch_choice
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.selection import LaunchSelection, select_launch
from chalicelib.domain.launch.type_choice import TypeChoice
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import SetupState


@dataclass(frozen=True, kw_only=True)
class PreparedLaunch:
    """Everything that a new record is built from.

    :param warnings: what the launch inherits and skips; for the timeline and for the answer
    :param disk_warnings: for the answer; the timeline gets the real sizes at the launch
    :param fallback_warning: for the answer: the launch can never fall back to on-demand
    """

    spec: Spec
    rates: Rates
    setup: SetupState
    warnings: tuple[WriteWarning, ...]
    disk_warnings: tuple[WriteWarning, ...] = ()
    fallback_warning: WriteWarning | None = None


def prepare_launch(
    request: LaunchRequest, context: LaunchContext, choice: TypeChoice, image: Image | None
) -> PreparedLaunch:
    """Complete a request with the image and the defaults.

    :param image: the image of the launch, whose recipe, parameters and disk size are the defaults. None: no image is
        requested, or none was found for "latest"
    :raises ValidationFailed: names every wrong field
    """
    selection, recipes = select_launch(request, context, choice, image), context.recipes
    inherited = inherit_recipes(image, selection.recipe, selection.instance_type, recipes) if image else None
    market, spot = choose_market(request)
    spec = Spec(
        desired=DesiredState.RUNNING,
        region=selection.region,
        market=market,
        spot=spot,
        disk_gib=selection.disk.disk_gib,
        free_disk_gib=selection.disk.free_gib,
        metadata_hop_limit=request.metadata_hop_limit or DEFAULT_HOP_LIMIT,
        project=request.project,
        tags=dict(request.tags) | ({"project": request.project} if request.project else {}),
        hardware=build_hardware(selection.instance_type.name, context.catalog),
        software=Software(
            recipe=selection.recipe.name,
            parameters=selection.parameters,
            added_recipes=inherited.added if inherited else (),
            image=ImageRef(id=image.id, name=image.name, ami_id=image.ami.id or "") if image else None,
            image_parameter=_choose_image_parameter(selection, image),
        ),
        policy=selection.policy,
        wait_for_quota=request.wait_for_quota,
    )
    launch_choice = build_launch_choice(request, spec, context, image)
    spec = replace(spec, launch_choice=launch_choice)
    rates = find_rates(selection.instance_type.name, spec.region, spec.disk_gib, context.catalog)
    if market is Market.SPOT:
        rates = to_spot_rates(rates, context.find_spot_price(spec.region, selection.instance_type.name))
    warnings = [*_list_skipped_steps_warnings(spec, selection.instance_type, recipes)]
    if image and inherited:
        message = describe_launch_from_image(request, spec, image, recipes, inherited)
        warnings.insert(0, WriteWarning(WarningCode.LAUNCHED_FROM_IMAGE, message))
    return PreparedLaunch(
        spec=spec,
        rates=rates,
        setup=_build_setup_state(spec, image, recipes),
        warnings=tuple(warnings),
        disk_warnings=tuple(list_disk_warnings(selection.disk.disk_gib, image, selection.snapshot_gib)),
        fallback_warning=find_fallback_warning(launch_choice, context),
    )


def _choose_image_parameter(selection: LaunchSelection, image: Image | None) -> str | None:
    if image:
        return image.source.base_image_parameter
    recipe = selection.recipe
    return recipe.get_image_parameter(selection.instance_type) if recipe.image is not None else None


def _build_setup_state(spec: Spec, image: Image | None, recipes: Mapping[str, Recipe]) -> SetupState:
    return SetupState(
        recipe=spec.software.recipe,
        documents=collect_documents(spec, recipes),
        installed_documents=image.installed_documents if image else (),
    )


def _list_skipped_steps_warnings(
    spec: Spec, instance_type: InstanceType, recipes: Mapping[str, Recipe]
) -> Iterator[WriteWarning]:
    """Yield one warning if recipes skip their GPU steps on the type."""
    messages = [recipes[name].describe_skipped_steps(instance_type) for name in spec.software.recipes]
    message = " ".join(message for message in messages if message)
    if message:
        yield WriteWarning(WarningCode.GPU_STEPS_SKIPPED, message)
