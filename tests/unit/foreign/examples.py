"""Foreign instances and adoptions for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.foreign.adoption import Adoption, Candidate
from chalicelib.domain.foreign.instance import ForeignInstance
from chalicelib.domain.instances.ec2_instance import Ec2State

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EC2_ID = "i-0123456789abcdef0"
TAG = ("gpudesk:adopt", "dev")


def build_foreign(number: int = 0, **changes: Any) -> ForeignInstance:
    instance = ForeignInstance(
        instance_id=f"i-{number:08x}",
        region="us-east-1",
        zone="us-east-1a",
        instance_type="g5.xlarge",
        state=Ec2State.RUNNING,
        launched_at=NOW,
        market=Market.ON_DEMAND,
    )
    return replace(instance, **changes)


def build_adoption(**changes: Any) -> Adoption:
    adoption = Adoption(
        instance_id=EC2_ID,
        region="us-east-1",
        owner="ada",
        requested_by="root",
        requested_at=NOW,
        state_at=NOW,
        message="gpudesk checks it.",
    )
    return replace(adoption, **changes)


def build_candidate(**changes: Any) -> Candidate:
    return replace(Candidate(state=Ec2State.RUNNING, tags={"gpudesk:adopt": "dev"}), **changes)
