"""Choose the instance type of a launch request."""

from chalicelib.domain.catalog.instance_types import (
    InstanceType,
    InstanceTypeCatalog,
    NoMatchingType,
    UnknownGpu,
    UnknownType,
)
from chalicelib.domain.common.errors import FieldError, ValidationFailed, build_validation_error
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.launch.request import LaunchRequest


def choose_instance_type(
    request: LaunchRequest, region: str, catalog: InstanceTypeCatalog, limits: Limits
) -> tuple[InstanceType | None, list[FieldError]]:
    if request.gpu is None and request.instance_type is None:
        names = ", ".join(catalog.list_gpus())
        return None, [FieldError("gpu", f"say which GPU ({names}), or an instance_type such as g4dn.xlarge")]
    try:
        kind = _named(request, region, catalog) if request.instance_type else _of_gpu(request, region, catalog)
    except UnknownType as error:
        return None, [FieldError("instance_type", str(error))]
    except (UnknownGpu, NoMatchingType) as error:
        wrong_count = isinstance(error, NoMatchingType) and "exactly" in str(error)
        return None, [FieldError("gpu_count" if wrong_count else "gpu", str(error))]
    except ValidationFailed as error:
        return None, list(error.errors)
    if kind.gpu_count > limits.gpu_count:
        return None, [FieldError("gpu_count", f"must be at most {limits.gpu_count} on this desk")]
    return kind, []


def _of_gpu(request: LaunchRequest, region: str, catalog: InstanceTypeCatalog) -> InstanceType:
    return catalog.find_cheapest(request.gpu or "", request.gpu_count or 1, region)


def _named(request: LaunchRequest, region: str, catalog: InstanceTypeCatalog) -> InstanceType:
    kind = catalog.get_type(request.instance_type or "")
    wrong = []
    if kind.unavailable:
        wrong.append(FieldError("instance_type", kind.unavailable))
    elif region not in kind.prices:
        regions = ", ".join(sorted(kind.prices))
        wrong.append(FieldError("region", f"{kind.name} is not known to be offered in {region}; it is in {regions}"))
    if request.gpu and kind.gpu not in catalog.match_gpus(request.gpu):
        has = f"{kind.gpu_count} x {kind.gpu}" if kind.gpu else "no GPU"
        wrong.append(FieldError("gpu", f"{kind.name} has {has}; leave out gpu or instance_type"))
    if request.gpu_count is not None and request.gpu_count != kind.gpu_count:
        wrong.append(FieldError("gpu_count", f"{kind.name} has {kind.gpu_count}; leave out gpu_count or instance_type"))
    if wrong:
        raise build_validation_error(wrong)
    return kind
