"""Find the subnets in which a launch can create its instance."""

import logging
from dataclasses import dataclass, field

from chalicelib.aws.launch_prerequisites import Subnet
from chalicelib.control.loop.launch_sources import SubnetSource
from chalicelib.domain.common.aws_errors import AwsError, PrerequisiteMissing
from chalicelib.domain.instances.move_state import MoveState
from chalicelib.domain.offers.offer import Offer

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MoveSubnets:
    """The subnets in which an instance that moves may be launched."""

    source: SubnetSource
    move: MoveState

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type and that the move allows."""
        subnets = self.source.list_subnets(region, type_name)
        return [subnet for subnet in subnets if self.move.allows_zone(subnet.zone)]


@dataclass
class SubnetFinder:
    """Finds subnets for one choice of an offer. It reads those of a region and type once.

    :ivar first_region: that of the first offer; any other region is left out if it does not respond
    :ivar problem: why gpudesk has no subnet for an offer
    """

    source: SubnetSource
    first_region: str
    problem: PrerequisiteMissing | None = None
    _known: dict[tuple[str, str], list[Subnet]] = field(default_factory=dict)

    def find_subnet(self, offer: Offer) -> Subnet | None:
        """Return a subnet in the zone of an offer; None: there is none."""
        subnets = self.list_subnets(offer.region, offer.instance_type)
        return next((subnet for subnet in subnets if subnet.zone == offer.zone), None)

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer a type; none if something is missing in the region.

        :raises AwsError: EC2 did not respond in the first region
        """
        if (region, type_name) not in self._known:
            self._known[region, type_name] = self._read(region, type_name)
        return self._known[region, type_name]

    def _read(self, region: str, type_name: str) -> list[Subnet]:
        try:
            subnets = self.source.list_subnets(region, type_name)
        except PrerequisiteMissing as problem:
            LOG.warning("no launch in %s: %s", region, problem)
            self.problem = self.problem or problem
            return []
        except AwsError as error:
            if region == self.first_region:
                raise
            LOG.warning("no launch in %s now: %s", region, error)
            return []
        if not subnets:
            message = f"gpudesk has no subnet in a zone of {region} that offers {type_name}"
            self.problem = self.problem or PrerequisiteMissing(message)
        return subnets
