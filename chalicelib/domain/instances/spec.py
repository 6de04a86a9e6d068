"""The spec of an instance: the complete request, and the documents that its recipes run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import BARE_METAL_BOOT
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.setup.parameters import ParameterValue, resolve_values
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument
from chalicelib.domain.setup.state import AddedRecipe, find_added_parameters

DEFAULT_HOP_LIMIT = 1
"""HttpPutResponseHopLimit of the metadata service. With 1, its answers do not get through the bridge of a container:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html#imds-considerations"""


class DesiredState(StrEnum):
    """State that the owner wants the instance to be in."""

    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """The gpudesk image that a launch uses, as it was when the launch was requested."""

    id: str
    name: str
    ami_id: str


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The instance type and what it has.

    :param gpu_count: None: unknown, of a type that is not in the catalog
    :param nvidia_gpu_count: number of GPUs that nvidia-smi must list; 0 for Radeon GPUs and for types without a GPU;
        None: unknown, so the GPU signal is required: while it cannot be read, nothing is idle
    :param arch: x86_64 or arm64; None: unknown
    :param vcpus: None: unknown
    :param instance_store_gb: size of the local disks, which a stop empties
    """

    instance_type: str
    gpu: str | None = None
    gpu_count: int | None = None
    nvidia_gpu_count: int | None = None
    arch: str | None = None
    vcpus: int | None = None
    instance_store_gb: int = 0

    @property
    def setup_gpu_count(self) -> int:
        """The number of NVIDIA GPUs that the documents expect. With 1, the probe reads all that it finds."""
        return 1 if self.nvidia_gpu_count is None else self.nvidia_gpu_count

    @property
    def boot_allowance(self) -> timedelta:
        """The time that one boot may take beyond that of a virtual machine."""
        is_bare_metal = self.instance_type.partition(".")[2].startswith("metal")
        return BARE_METAL_BOOT if is_bare_metal else timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Software:
    """The recipes with their parameters, and the image that the instance starts from.

    :param parameters: all parameters of `recipe`
    :param added_recipes: recipes that were added to the running instance, in the order of the requests
    :param image: the gpudesk image that the instance is launched from; None: a public image
    :param image_parameter: public SSM parameter of the image that the recipe requires; None: that of the instance type
    """

    recipe: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    added_recipes: tuple[AddedRecipe, ...] = ()
    image: ImageRef | None = None
    image_parameter: str | None = None

    @property
    def recipes(self) -> tuple[str, ...]:
        """The names of all recipes: the one of the launch, then the added ones."""
        return (self.recipe, *(added.recipe for added in self.added_recipes))

    def get_parameters(self, recipe: str) -> Mapping[str, ParameterValue]:
        """Return the parameters of a recipe; empty if the recipe was not requested."""
        return self.parameters if recipe == self.recipe else find_added_parameters(self.added_recipes, recipe)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules by which gpudesk stops an instance: the idle policy, and the maximum lifetime in hours.

    :param before_stop_hook: path of a program that runs before such a stop; None: no program
    """

    idle: IdlePolicy = IdlePolicy()
    max_hours: int = 12
    before_stop_hook: str | None = None

    @property
    def summary(self) -> str:
        """The policy as the end of a sentence, without a period."""
        minutes, warning = pluralize(self.idle.idle_minutes, "minute"), pluralize(self.idle.warning_minutes, "minute")
        hook = f"; before_stop_hook {self.before_stop_hook}" if self.before_stop_hook else ""
        return (
            f"stop after {minutes} idle, with a warning {warning} before; max_hours {self.max_hours}; enabled signals: "
            f"{', '.join(self.idle.signals)}{hook}"
        )


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The complete request. It holds no reference to a default that may change later.

    :param market: the market of the next launch attempt, or of the EC2 instance; see `market_fallback.py`
    :param spot: the terms of a request for spot; without a meaning for any other
    :param disk_gib: None: unknown, of an adopted instance whose volumes gpudesk could not read
    :param has_priced_disks: False: not all disks are gp3, the only kind whose price gpudesk knows
    :param free_disk_gib: space that the disk must have beside the public image, whose size is read at the launch; None:
        `disk_gib` decides
    :param metadata_hop_limit: 1 keeps the role of the instance from containers on it; 2 lets them use it
    :param launch_choice: the offers that the launch may try; type, region and market are those of the last one. None:
        only the zones of the region, as for an instance that gpudesk did not launch
    :param wait_for_quota: a launch that exceeds a quota of EC2 waits until the quota suffices
    """

    desired: DesiredState
    region: str
    market: Market = Market.ON_DEMAND
    spot: SpotTerms = SpotTerms()
    disk_gib: int | None = None
    has_priced_disks: bool = True
    free_disk_gib: int | None = None
    metadata_hop_limit: int = DEFAULT_HOP_LIMIT
    hardware: Hardware
    software: Software
    policy: Policy = Policy()
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    launch_choice: LaunchChoice | None = None
    wait_for_quota: bool = False

    @property
    def priced_disk_gib(self) -> int | None:
        """The size of the disks whose price is known; None: their size or their price is not."""
        return self.disk_gib if self.has_priced_disks else None

    @property
    def enabled_signals(self) -> frozenset[str]:
        """The signals that must all be quiet: those of the policy that this hardware can have."""
        return self.policy.idle.select_signals(has_gpu=self.hardware.nvidia_gpu_count != 0)


def collect_documents(spec: Spec, recipes: Mapping[str, Recipe]) -> tuple[RecipeDocument, ...]:
    """Return the documents of all recipes of a spec in their order, each once. Unknown recipes are skipped.

    Parameters that the spec does not have get their defaults: an adopted instance has none, and a recipe can get new
    ones.
    """
    documents: list[RecipeDocument] = []
    for name in (recipe for recipe in spec.software.recipes if recipe in recipes):
        values, _ = resolve_values({}, recipes[name].parameters, spec.software.get_parameters(name))
        recipe_documents = recipes[name].fill_documents(values)
        documents += [document for document in recipe_documents if document not in documents]
    return tuple(documents)
