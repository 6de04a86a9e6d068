"""Sentences about a quota of EC2 that a launch exceeds, and about what people can do then."""

from chalicelib.domain.catalog.quotas import NAMES


def describe_need(code: str, region: str, type_name: str, need: int | None) -> str:
    """Return which quota a type needs and how much of it, as a sentence.

    :param need: vCPUs; None: unknown
    """
    vcpus = f"{need} vCPUs" if need is not None else "vCPUs"
    return f"{type_name} needs {vcpus} of quota {code} ({NAMES[code]}) in {region}."


def describe_choices(code: str, cpu_type: str | None) -> str:
    """Return what people can do, as a sentence.

    :param cpu_type: a type without a GPU that can be used meanwhile; None: none fits
    """
    meanwhile = f", or launch {cpu_type}, which has no GPU, meanwhile" if cpu_type else ""
    return (
        f"Ask an admin to request an increase of {code}, or launch with wait_for_quota, so that gpudesk launches it "
        f"when the quota suffices{meanwhile}."
    )
