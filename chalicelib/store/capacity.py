"""Records of capacity: one item of the offers table for each region, beside the item with its zones and prices."""

import logging

from chalicelib.domain.common.deadlines import CAPACITY_RETENTION
from chalicelib.domain.offers.region_capacity import CapacityAnswer, RegionCapacity, add_answer
from chalicelib.store.capacity_codec import encode_capacity
from chalicelib.store.conflicts import VersionConflict, retry_on_conflict
from chalicelib.store.dynamo import find_item, is_overload, save_if
from chalicelib.store.offers import OfferModel, build_capacity_key, read_capacity

LOG = logging.getLogger(__name__)


class CapacityRepository:
    """The records of capacity in the offers table."""

    def get(self, region: str) -> RegionCapacity:
        """Return the records of a region; none if nothing is stored or the item is unreadable.

        The read is consistent: a launch that was refused reads what the refusal has just added.
        """
        return read_capacity(find_item(OfferModel, build_capacity_key(region)))

    def add(self, answer: CapacityAnswer) -> None:
        """Count an answer once, also if it is added again.

        An answer is lost if other writers or an overload prevent five writes. Then a launch may try zones in a worse
        order, which must not stop the reconcile that got the answer.
        """
        try:
            retry_on_conflict(lambda: self._add(answer))
        except VersionConflict:
            LOG.warning("The answer about capacity in %s is not counted: others write the item", answer.key.zone)
        except Exception as error:
            if not is_overload(error):
                raise
            LOG.warning("The answer about capacity in %s is not counted: DynamoDB is overloaded", answer.key.zone)

    def _add(self, answer: CapacityAnswer) -> None:
        """Write the records with one more answer.

        :raises VersionConflict: another writer was faster
        """
        key = build_capacity_key(answer.region)
        item = find_item(OfferModel, key)
        before = read_capacity(item)
        after = add_answer(before, answer)
        if after is before:
            return
        version = item.version if item else None
        changed = OfferModel(
            key,
            capacity=encode_capacity(after),
            version=(version or 0) + 1,
            expires_at=answer.at + CAPACITY_RETENTION,
        )
        guard = OfferModel.version == version if version is not None else OfferModel.version.does_not_exist()
        if not save_if(changed, guard):
            raise VersionConflict(f"the records of capacity of {answer.region} have changed since they were read")
