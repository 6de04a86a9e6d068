"""Sentences about a quota of EC2 that a launch exceeds, and about what people can do then."""

from collections.abc import Sequence

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.domain.common.text import join_or


def describe_need(code: str, region: str, type_name: str, need: int | None) -> str:
    """Return which quota a type needs and how much of it, as a sentence.

    :param need: vCPUs; None: unknown
    """
    vcpus = f"{need} vCPUs" if need is not None else "vCPUs"
    return f"{type_name} needs {vcpus} of quota {code} ({NAMES[code]}) in {region}."


def describe_launch_advice(code: str, cpu_type: str | None) -> str:
    """Return what people can do about a launch, as sentences.

    :param cpu_type: a type without a GPU that can be used meanwhile; None: none fits
    """
    meanwhile = f" Meanwhile you can launch {cpu_type}, which has no GPU." if cpu_type else ""
    return (
        f"Ask an admin to request an increase of {code}, or launch with wait_for_quota: gpudesk launches it when the "
        f"quota suffices.{meanwhile}"
    )


def describe_start_advice(code: str, other_types: Sequence[str] = (), *, is_limit_enough: bool = True) -> str:
    """Return what people can do about a start, as sentences.

    :param other_types: the types with which the instance can start now
    :param is_limit_enough: the quota would suffice if nothing else used it; also if that is unknown
    """
    other = f" You can start it now with instance_type {join_or(other_types)}." if other_types else ""
    stop = ", or stop another instance that uses the quota, and" if is_limit_enough else ", then"
    return f"Ask an admin to request an increase of {code}{stop} start it again.{other}"


def describe_move_advice(code: str, name: str, other_types: Sequence[str] = (), *, is_limit_enough: bool = True) -> str:
    """Return what people can do about a move, as sentences.

    :param name: of the instance
    :param other_types: the types with which the instance can be moved there now
    :param is_limit_enough: the quota would suffice if nothing else used it; also if that is unknown
    """
    other = f" You can move it there now with instance_type {join_or(other_types)}." if other_types else ""
    stop = ", or stop another instance that uses the quota, and" if is_limit_enough else ", then"
    return f"Ask an admin to request an increase of {code}{stop} move {name} again.{other}"
