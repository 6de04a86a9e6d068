"""Say why no instance type of the catalog matches a search: the first criterion that no type meets with the others."""

from collections.abc import Sequence

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.text import join_or, pluralize
from chalicelib.domain.offers.left_out import LeftOutCode, LeftOutCollector
from chalicelib.domain.offers.query import MIB_PER_GIB, OfferQuery


def leave_out_mismatch(query: OfferQuery, types: Sequence[InstanceType], left_out: LeftOutCollector) -> None:
    """If no type of the catalog matches a query, put the types with its GPU or its name into `left_out`.

    :param types: all types of the catalog
    """
    if any(query.matches(item) for item in types):
        return
    message = _describe_mismatch(query, types)
    for item in types:
        is_named = item.name == query.instance_type if query.instance_type else item.gpu is not None
        if is_named and (query.instance_type or query.gpus is None or item.gpu in query.gpus):
            left_out.add(LeftOutCode.NO_MATCH, message, item.name)


def _describe_mismatch(query: OfferQuery, types: Sequence[InstanceType]) -> str:
    """Return why no type matches, and what is there instead, as sentences.

    :param query: a search that matches none of the types
    :param types: all types of the catalog
    """
    if query.instance_type:
        item = next(each for each in types if each.name == query.instance_type)
        return f"{item.name} does not match the other parameters: it has {_describe_gpus(item)}."
    named = [item for item in types if item.gpu and (query.gpus is None or item.gpu in query.gpus)]
    subject = f"type with {join_or(sorted(query.gpus))}" if query.gpus else "type"
    if query.gpu_count is not None:
        counts = sorted({item.whole_gpu_count for item in named if item.whole_gpu_count})
        named = [item for item in named if item.whole_gpu_count == query.gpu_count]
        if not named:
            choices = f"Choose {join_or(counts)}" if counts else "They have slices of a GPU"
            return f"No {subject} has {pluralize(query.gpu_count, 'GPU')}. {choices}."
        count = pluralize(query.gpu_count, "GPU")
        subject = f"{subject} and {count}" if query.gpus else f"{subject} with {count}"
    most = max((item.gpu_memory_mib or 0 for item in named), default=0) / MIB_PER_GIB
    return f"No {subject} has {query.min_gpu_memory_gib} GiB of memory per GPU. The most is {most:.0f} GiB."


def _describe_gpus(item: InstanceType) -> str:
    if item.gpu is None:
        return "no GPU"
    count = item.whole_gpu_count
    memory = f" with {item.gpu_memory_mib / MIB_PER_GIB:.0f} GiB of memory each" if item.gpu_memory_mib else ""
    return f"{count} x {item.gpu}{memory}" if count else f"a slice of a GPU ({item.gpu})"
