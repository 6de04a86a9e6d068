"""Faster calls of the SDK to the local cloud in the same process, which reads neither signatures nor user agents."""

import re
from collections.abc import Callable
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.regions import EndpointRulesetResolver
from botocore.useragent import UserAgentString
from moto import backend_index

from local.aws.core import in_process_requests
from local.aws.core.patches import Patches

FREQUENT_SERVICES = {"dynamodb", "ec2", "ssm", "sts"}
TIMESTAMP_FORMAT = "%Y%m%dT%H%M%SZ"

ConstructEndpoint = Callable[[Any, Any, Any, Any], Any]
Patterns = list[tuple[str, re.Pattern[str]]]
"""Services of moto, each with the pattern of its URLs. moto takes the first one that matches."""


def patch(patches: Patches) -> None:
    """Install the faster calls."""
    patches.wrap(SigV4Auth, "add_auth", _add_credentials_only)
    patches.add(UserAgentString, "rebuild_and_replace_user_agent_handler", _keep_user_agent)
    patches.add(UserAgentString, "to_string", _get_user_agent)
    patches.wrap(backend_index, "backend_url_patterns", _put_frequent_services_first)
    patches.wrap(EndpointRulesetResolver, "construct_endpoint", _remember_endpoint)
    in_process_requests.patch(patches)


def _add_credentials_only(original: Callable[[SigV4Auth, AWSRequest], None]) -> Callable[[SigV4Auth, AWSRequest], None]:
    """Name the access key, region and service in the header, and compute no signature. Presigned URLs have one."""

    def add_auth(signer: SigV4Auth, request: AWSRequest) -> None:
        if type(signer) is not SigV4Auth or signer.credentials is None:
            original(signer, request)
            return
        request.context["timestamp"] = get_current_datetime().strftime(TIMESTAMP_FORMAT)
        signer._modify_request_before_signing(request)  # type: ignore[attr-defined]
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}"

    return add_auth


def _get_user_agent(_: UserAgentString) -> str:
    return "Boto3"


def _keep_user_agent(_: UserAgentString, operation_name: str, request: Any, **others: Any) -> None:
    """Leave the request as it is."""


def _remember_endpoint(original: ConstructEndpoint) -> ConstructEndpoint:
    """Compute the endpoint of a client once, if it does not depend on the parameters of a call."""

    def construct(resolver: Any, operation_model: Any, call_args: Any, request_context: Any) -> Any:
        if operation_model.service_model.service_name not in FREQUENT_SERVICES:
            return original(resolver, operation_model, call_args, request_context)
        known = vars(resolver).setdefault("_known_endpoints", {})
        if operation_model.name not in known:
            known[operation_model.name] = original(resolver, operation_model, call_args, request_context)
        return known[operation_model.name]

    return construct


def _put_frequent_services_first(patterns: Patterns) -> Patterns:
    return sorted(patterns, key=lambda pattern: pattern[0] not in FREQUENT_SERVICES)
