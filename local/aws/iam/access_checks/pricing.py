"""Access checks of the Price List.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awspricelist.html
"""

from collections.abc import Mapping

from local.aws.iam.access_checks.call import ListChecks, list_checks_without_resource

PRICING: Mapping[str, ListChecks] = dict.fromkeys(("DescribeServices", "GetProducts"), list_checks_without_resource)
