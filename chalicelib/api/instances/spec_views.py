"""Views of an instance's specification."""

from collections.abc import Iterable

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import MarketText
from chalicelib.api.policy_schemas import IdlePolicyView, to_policy_view
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.market_choice import describe_requested_market
from chalicelib.domain.setup.state import AddedRecipe

ParameterView = str | int | bool


class AddedRecipeView(TypedDict):
    """A recipe that was added after the launch."""

    recipe: str
    parameters: dict[str, ParameterView]


class SpecView(TypedDict):
    """The specification of the instance: the request, completed with defaults.

    `gpu_count`: null: unknown, of a type that is not in the catalog; then `gpu` is null, too. `image`: the id of the
    image from which the instance was launched; null: no image. `disk_gib`: the total size of the root disk; before the
    launch it is an estimate if the request left it out; null: unknown, of an adopted instance. `metadata_hop_limit`:
    2 lets containers on the instance use its role. `wait_for_quota`: the launch waits until the quota of EC2 suffices.
    `resume_after_interruption`: EC2 may start a spot instance again that it has interrupted. `before_stop_hook`: the
    program that runs before gpudesk stops the instance; null: none.
    """

    gpu: str | None
    gpu_count: int | None
    instance_type: str
    region: str
    market: MarketText
    resume_after_interruption: bool
    recipe: str
    parameters: dict[str, ParameterView]
    added_recipes: list[AddedRecipeView]
    image: str | None
    disk_gib: int | None
    metadata_hop_limit: int
    project: str | None
    tags: dict[str, str]
    wait_for_quota: bool
    idle_policy: IdlePolicyView
    max_hours: int
    before_stop_hook: str | None


def to_added_recipe_views(added: Iterable[AddedRecipe]) -> list[AddedRecipeView]:
    """Return the views of added recipes, with their parameters."""
    return [{"recipe": recipe.recipe, "parameters": dict(recipe.parameters)} for recipe in added]


def to_spec_view(spec: Spec) -> SpecView:
    """Return the view of a specification."""
    return {
        "gpu": spec.hardware.gpu,
        "gpu_count": spec.hardware.gpu_count,
        "instance_type": spec.hardware.instance_type,
        "region": spec.region,
        "market": describe_requested_market(spec),
        "resume_after_interruption": spec.spot.resume_after_interruption,
        "recipe": spec.software.recipe,
        "parameters": dict(spec.software.parameters),
        "added_recipes": to_added_recipe_views(spec.software.added_recipes),
        "image": spec.software.image.id if spec.software.image else None,
        "disk_gib": spec.disk_gib,
        "metadata_hop_limit": spec.metadata_hop_limit,
        "project": spec.project,
        "tags": dict(spec.tags),
        "wait_for_quota": spec.wait_for_quota,
        "idle_policy": to_policy_view(spec.policy.idle),
        "max_hours": spec.policy.max_hours,
        "before_stop_hook": spec.policy.before_stop_hook,
    }
