"""Access checks of SQS."""

from collections.abc import Iterable, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks


def _list_checks_of_queue(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of a queue. Its URL ends with the account and the name.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """
    del facts
    *_, account, name = call.parameters["QueueUrl"].split("/")
    return (AccessCheck(f"sqs:{call.operation}", call.build_arn("sqs", name, account=account)),)


SQS: Mapping[str, ListChecks] = {"SendMessage": _list_checks_of_queue}
