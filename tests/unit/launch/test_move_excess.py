"""The refusal of a move that exceeds a quota at its target."""

from dataclasses import replace
from typing import Any

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.launch.move_excess import MoveExcess, find_move_excess
from chalicelib.domain.offers.quotas import QuotaReading
from tests.unit.offers.offer_examples import NOW
from tests.unit.offers.test_size_change import CATALOG, CONTEXT, ZONE, build_stopped_instance

CODE, SPOT_CODE = "L-DB2E81BA", "L-3819A6DF"


def find_excess(instance: Instance, limit: int, type_name: str, zone: str | None = ZONE) -> MoveExcess | None:
    """Return the excess of a move to a type with a quota of which foreign instances use 4 vCPUs."""
    reading = QuotaReading(read_at=NOW, limits={CODE: limit}, use={CODE: 4}, foreign_use={CODE: 4})
    context = replace(CONTEXT, quotas=replace(CONTEXT.quotas, reading=reading))
    target = MoveTarget(region="us-east-1", zone=zone, hardware=build_hardware(type_name, CATALOG))
    return find_move_excess(instance, target, context)


def test_move_that_fits_or_of_which_nothing_is_known_is_not_refused() -> None:
    instance = build_stopped_instance()
    assert find_excess(instance, 12, "g4dn.2xlarge") is None
    target = MoveTarget(region="us-east-1", hardware=build_hardware("g4dn.2xlarge", CATALOG))
    assert find_move_excess(instance, target, CONTEXT) is None


def test_refusal_has_the_figures_and_the_moves_that_are_possible_as_data() -> None:
    excess = find_excess(build_stopped_instance(), 8, "g4dn.2xlarge")
    assert excess is not None
    conflict = excess.build_conflict()
    assert conflict.message.startswith("n cannot be moved. Quota L-DB2E81BA (Running On-Demand G and VT instances) in")
    assert "8 vCPUs, 4 in use; g4dn.2xlarge needs 8. Ask an admin to request an increase of L-DB2E81BA, or stop" in (
        conflict.message
    )
    quota: Any = conflict.members["quota"]
    assert (quota["limit"], quota["use"], quota["need"]) == (8, 4, 8)
    choices: Any = conflict.members["choices"]
    sent = [(each["kind"], each["path"], each["body"]) for each in choices]
    assert sent[0] == ("request_increase", f"/quotas/{CODE}/increase", {"region": "us-east-1", "value": 12})
    place = {"region": "us-east-1", "zone": ZONE}
    assert ("other_size", "/instances/n/move", {**place, "instance_type": "g4dn.xlarge"}) in sent


def test_refusal_does_not_advise_to_free_a_quota_that_is_too_small_anyway() -> None:
    excess = find_excess(build_stopped_instance(), 0, "g4dn.2xlarge", None)
    assert excess is not None
    message = excess.build_conflict().message
    assert "increase of L-DB2E81BA, then move n again." in message
    assert "stop another instance" not in message


def test_full_quota_on_spot_refuses_no_move_that_may_fall_back_to_on_demand() -> None:
    stopped = build_stopped_instance()
    unused = {CODE: 0, SPOT_CODE: 0}
    reading = QuotaReading(read_at=NOW, limits={CODE: 64, SPOT_CODE: 0}, use=unused, foreign_use=unused)
    context = replace(CONTEXT, quotas=replace(CONTEXT.quotas, reading=reading))
    target = MoveTarget(region="us-east-1", hardware=build_hardware("g4dn.2xlarge", CATALOG))
    for can_fall_back in (True, False):
        terms = SpotTerms(can_fall_back=can_fall_back)
        instance = replace(stopped, spec=replace(stopped.spec, market=Market.SPOT, spot=terms))
        assert (find_move_excess(instance, target, context) is None) is can_fall_back
