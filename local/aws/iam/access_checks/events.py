"""Access checks of EventBridge."""

from collections.abc import Iterator, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks

DEFAULT_BUS = "default"


def _list_checks_of_events(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield a check of the bus of each event. An entry names a bus by its name or ARN.

    `events:eventBusInvocation` is unknown here, so a condition on it finds no key.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    del facts
    for entry in call.parameters["Entries"]:
        bus = entry.get("EventBusName", DEFAULT_BUS)
        context = {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}
        yield AccessCheck(
            f"events:{call.operation}",
            bus if bus.startswith("arn:") else call.build_arn("events", f"event-bus/{bus}"),
            context,
        )


EVENTS: Mapping[str, ListChecks] = {"PutEvents": _list_checks_of_events}
