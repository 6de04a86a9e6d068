"""Access checks of STS: on the role that is assumed. The tags of a session need a permission of their own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
"""

from collections.abc import Iterable, Iterator, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks, build_request_tags


def _list_checks_of_assume_role(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    del facts
    parameters = call.parameters
    tags = build_request_tags({tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])})
    context: dict[str, str | tuple[str, ...]] = {**tags, "sts:RoleSessionName": parameters["RoleSessionName"]}
    if keys := parameters.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = tuple(keys)
    for action in ("AssumeRole", "TagSession") if tags else ("AssumeRole",):
        yield AccessCheck(f"sts:{action}", parameters["RoleArn"], context)


def _list_no_checks(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return no check, because the call needs no permission.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    del call, facts
    return ()


STS: Mapping[str, ListChecks] = {
    "AssumeRole": _list_checks_of_assume_role,
    "GetCallerIdentity": _list_no_checks,
}
