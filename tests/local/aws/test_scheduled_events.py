"""Scheduled events: announcement and effect."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import describe_instance, get_error, get_state
from tests.local.aws.fakes import RecordingMachines

HOUR = timedelta(hours=1)


def list_events(ec2: Any, instance_id: str) -> list[dict[str, Any]]:
    status = ec2.describe_instance_status(InstanceIds=[instance_id], IncludeAllInstances=True)
    return list(status["InstanceStatuses"][0]["Events"])


def test_retirement_is_shown_then_carried_out(
    cloud: LocalCloud, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    at = clock.now() + 2 * HOUR
    cloud.schedule_event(instance_id, "instance-retirement", at)
    (event,) = list_events(ec2, instance_id)
    assert (event["Code"], event["NotBefore"]) == ("instance-retirement", at)
    assert event["Description"] == "The instance is running on degraded hardware"
    clock.advance(HOUR)
    assert get_state(ec2, instance_id) == "running"
    clock.advance(2 * HOUR)
    stopped = describe_instance(ec2, instance_id)
    assert stopped["State"]["Name"] == "stopped"
    assert stopped["StateReason"]["Code"] == "Server.ScheduledStop"
    assert stopped["StateTransitionReason"] == "Server.ScheduledStop: Stopped due to scheduled retirement"
    assert list_events(ec2, instance_id)[0]["Description"].startswith("[Completed] ")


def test_completed_event_is_visible_for_one_week(
    cloud: LocalCloud, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.schedule_event(instance_id, "system-maintenance", clock.now())
    assert len(list_events(ec2, instance_id)) == 1
    clock.advance(timedelta(days=7))
    assert list_events(ec2, instance_id) == []


def test_stop_before_scheduled_event_completes_it(
    cloud: LocalCloud, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.schedule_event(instance_id, "instance-retirement", clock.now() + 2 * HOUR)
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(HOUR)
    ec2.start_instances(InstanceIds=[instance_id])
    clock.advance(3 * HOUR)
    assert get_state(ec2, instance_id) == "running"


def test_scheduled_reboot_reboots_machine(
    cloud: LocalCloud, machines: RecordingMachines, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.schedule_event(instance_id, "system-reboot", clock.now() + HOUR, clock.now() + 2 * HOUR)
    clock.advance(HOUR)
    assert get_state(ec2, instance_id) == "running"
    assert machines.calls == ["create", "boot", "halt", "boot"]


def test_status_can_be_filtered_by_event(
    cloud: LocalCloud, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    first, second = ready(), ready()
    cloud.schedule_event(second, "instance-retirement", clock.now() + HOUR)

    def found(**filters: str) -> list[str]:
        arguments = [{"Name": name.replace("_", "."), "Values": [value]} for name, value in filters.items()]
        return [each["InstanceId"] for each in ec2.describe_instance_status(Filters=arguments)["InstanceStatuses"]]

    assert found() == [first, second]
    assert found(event_code="instance-retirement") == [second]
    assert found(event_code="system-reboot") == []


def test_stopped_instances_are_listed_only_on_request(ec2: Any, ready: Callable[[], str]) -> None:
    instance_id = ready()
    ec2.stop_instances(InstanceIds=[instance_id])
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    (status,) = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert (status["InstanceId"], status["InstanceState"]["Name"]) == (instance_id, "stopping")


def test_long_status_list_is_paginated(ec2: Any, launch: Callable[..., str], clock: ManualClock) -> None:
    launch(MinCount=7, MaxCount=7)
    clock.advance(HOUR)
    pages = list(ec2.get_paginator("describe_instance_status").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["InstanceStatuses"]) for page in pages] == [5, 2]


def test_describe_instance_status_rejects_tag_filter(ec2: Any, ready: Callable[[], str]) -> None:
    instance_id = ready()
    arguments = {"Filters": [{"Name": "tag:Name", "Values": ["x"]}]}
    assert get_error(ec2.describe_instance_status, **arguments) == ("InvalidParameterValue", 400)
    both = {"InstanceIds": [instance_id], "MaxResults": 5}
    assert get_error(ec2.describe_instance_status, **both) == ("InvalidParameterCombination", 400)


def test_unknown_event_code_is_rejected(cloud: LocalCloud, ready: Callable[[], str], clock: ManualClock) -> None:
    instance_id = ready()
    with pytest.raises(ValueError, match="instance-retirement"):
        cloud.schedule_event(instance_id, "retire", clock.now())
    with pytest.raises(KeyError):
        cloud.schedule_event("i-0", "instance-retirement", clock.now())


def test_simulated_machine_can_power_off(
    machines: RecordingMachines, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    assert get_state(ec2, instance_id) == "running"
    machines.power_off(instance_id)
    assert get_state(ec2, instance_id) == "stopping"
    clock.advance(HOUR)
    assert describe_instance(ec2, instance_id)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    ec2.start_instances(InstanceIds=[instance_id])
    clock.advance(HOUR)
    assert get_state(ec2, instance_id) == "running"
    assert machines.count_boots(instance_id) == 2
