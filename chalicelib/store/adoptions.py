"""The adoptions: one item of the desk table, guarded by a version."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.domain.foreign.adoption import Adoption, AdoptionList
from chalicelib.store.conflicts import VersionConflict, retry_on_conflict
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import find_item, save_if
from chalicelib.store.stored_type import StoredType

ADOPTIONS = StoredType(AdoptionList)
ADOPTIONS_KEY = "foreign#adoptions"


class AdoptionRepository:
    """The item with the adoptions."""

    def get(self) -> AdoptionList:
        """Return all adoptions that are kept, read consistently.

        :raises ValidationError: the item is unreadable
        """
        item = find_item(DeskModel, ADOPTIONS_KEY)
        if item is None or item.note is None:
            return AdoptionList()
        return replace(ADOPTIONS.decode(item.note), version=int(item.version or 0))

    def update(self, decide: Callable[[AdoptionList], Adoption | None]) -> Adoption | None:
        """Store an adoption that `decide` returns for the list as it is now. It is called again after a conflict.

        :param decide: returns the adoption to store; None: nothing is stored
        :returns: the stored adoption
        :raises VersionConflict: others wrote the item in each of the attempts
        """
        return retry_on_conflict(lambda: self._update(decide))

    def _update(self, decide: Callable[[AdoptionList], Adoption | None]) -> Adoption | None:
        before = self.get()
        adoption = decide(before)
        if adoption is None:
            return None
        after = before.put(adoption)
        version = (before.version or 0) + 1
        condition = DeskModel.version == before.version if before.version else DeskModel.key.does_not_exist()
        item = DeskModel(ADOPTIONS_KEY, note=ADOPTIONS.encode(after), version=version)
        if not save_if(item, condition):
            raise VersionConflict("the adoptions have changed since they were read")
        return adoption
