"""Tag the EC2 instances whose adoption an admin requested: check each one and give it gpudesk's tags.

The tags make it an orphan, which the sweep adopts (`adopt_orphans.py`). The instance is tagged last, so a crash
before leaves the request as it was, and a crash after is an instance with tags, which the sweep finds anyway.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from chalicelib.aws.adoption import AdoptionCalls
from chalicelib.aws.tags import ID_TAG
from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.foreign.adoption import Adoption, AdoptionList, AdoptionState, describe_limits, find_obstacle
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdoptionTagger:
    """Decides requested adoptions and tags their EC2 instances, once a minute. A run can be repeated."""

    stores: Repositories
    calls: AdoptionCalls
    clock: Clock

    def run(self) -> list[Adoption]:
        """Decide the requested adoptions, the oldest first, unless gpudesk is paused.

        An error of EC2 that can pass leaves a request as it is. The next run tries again.

        :returns: the decided adoptions
        """
        requested = self.stores.adoptions.get().list_requested()
        if not requested or self.stores.desk.get_settings().mode is Mode.PAUSED:
            return []
        return [decided for adoption in requested if (decided := self._try(adoption))]

    def _try(self, adoption: Adoption) -> Adoption | None:
        """Decide one adoption as far as possible, and store each state before the next call.

        :returns: the decided adoption; None: EC2 did not respond
        """
        try:
            for after in self._advance(adoption):
                self._save(adoption, after)
                adoption = after
        except PermanentAwsError as error:
            message = f"AWS rejected a call for {adoption.instance_id}: {error.description}"
            refused = adoption.to_state(AdoptionState.REFUSED, message, self.clock.now())
            self._save(adoption, refused)
            adoption = refused
        except AwsError as error:
            LOG.warning("%s is not adopted yet: %s", adoption.instance_id, error.description)
            return None
        LOG.info("adoption of %s: %s, %s", adoption.instance_id, adoption.state, adoption.message)
        return adoption

    def _save(self, before: Adoption, after: Adoption) -> None:
        """Store a state, unless the request was replaced meanwhile."""

        def decide(current: AdoptionList) -> Adoption | None:
            return after if current.find(before.instance_id) == before else None

        self.stores.adoptions.update(decide)

    def _advance(self, adoption: Adoption) -> Iterator[Adoption]:
        """Yield the states of an adoption. What does not work is stored first: the sweep may find the tags at once."""
        instance_id, now = adoption.instance_id, self.clock.now()
        candidate = self.calls.find(adoption.region, instance_id)
        if candidate and candidate.tags.get(ID_TAG) == adoption.record_id:
            yield adoption.to_state(AdoptionState.TAGGED, adoption.message, now)
            return
        obstacle = find_obstacle(adoption, candidate, self.calls.permission_tag)
        if candidate is not None and obstacle is None:
            candidate = self.calls.add_attributes(adoption.region, instance_id, candidate)
            obstacle = find_obstacle(adoption, candidate, self.calls.permission_tag)
        if obstacle is not None or candidate is None:
            yield adoption.to_state(AdoptionState.REFUSED, obstacle or "", now)
            return
        checked = replace(adoption, message=describe_limits(candidate, self.calls.tag_attached(adoption)))
        yield checked
        self.calls.tag_instance(adoption)
        yield checked.to_state(AdoptionState.TAGGED, checked.message, now)
