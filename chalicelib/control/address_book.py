"""Who can be told by what, as it is set now."""

from chalicelib.domain.desk import DeskSettings
from chalicelib.domain.notices import AddressBook
from chalicelib.store.owners import Owners


def address_book(desk: DeskSettings, owners: Owners) -> AddressBook:
    """One read of everybody's settings."""
    channels = {owner: each.channels for owner, each in owners.all().items() if each.channels}
    return AddressBook(owners=channels, admin=desk.channels)
