"""Access checks of Service Quotas, whose actions have another prefix than the name of the service in the SDK.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html
"""

from collections.abc import Iterable, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks

UNRESTRICTED = (
    "GetAWSDefaultServiceQuota",
    "GetServiceQuota",
    "ListAWSDefaultServiceQuotas",
    "ListServiceQuotas",
)


def _list_checks_without_resource(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    return (AccessCheck(f"servicequotas:{call.operation}", "*"),)


QUOTAS: Mapping[str, ListChecks] = dict.fromkeys(UNRESTRICTED, _list_checks_without_resource)
