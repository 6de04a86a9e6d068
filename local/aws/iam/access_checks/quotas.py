"""Access checks of Service Quotas, whose actions have another prefix than the name of the service in the SDK.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html
"""

from collections.abc import Iterable, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks

SERVICE_PRINCIPAL = "servicequotas.amazonaws.com"
SERVICE_LINKED_ROLE = f"aws-service-role/{SERVICE_PRINCIPAL}/AWSServiceRoleForServiceQuotas"

UNRESTRICTED = (
    "GetAWSDefaultServiceQuota",
    "GetServiceQuota",
    "ListAWSDefaultServiceQuotas",
    "ListRequestedServiceQuotaChangeHistoryByQuota",
    "ListServiceQuotas",
)


def _list_checks_without_resource(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    return (AccessCheck(f"servicequotas:{call.operation}", "*"),)


def _list_increase_checks(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Yield the check of the quota, and that of the role that Service Quotas creates at the first request.

    https://docs.aws.amazon.com/servicequotas/latest/userguide/using-service-linked-roles.html
    """
    service = str(call.parameters["ServiceCode"])
    quota = call.build_arn("servicequotas", f"{service}/{call.parameters['QuotaCode']}")
    yield AccessCheck("servicequotas:RequestServiceQuotaIncrease", quota, {"servicequotas:service": service})
    if not facts.has_service_linked_role(SERVICE_PRINCIPAL):
        role = call.build_arn("iam", f"role/{SERVICE_LINKED_ROLE}", region="")
        yield AccessCheck("iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": SERVICE_PRINCIPAL})


QUOTAS: Mapping[str, ListChecks] = {
    **dict.fromkeys(UNRESTRICTED, _list_checks_without_resource),
    "RequestServiceQuotaIncrease": _list_increase_checks,
}
