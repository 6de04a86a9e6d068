"""Who can be told by what, as it is set now."""

from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.store.owners import OwnerRepository


def load_channel_directory(desk: DeskSettings, owners: OwnerRepository) -> ChannelDirectory:
    """One read of everybody's settings."""
    channels = {owner: each.channels for owner, each in owners.list_all().items() if each.channels}
    return ChannelDirectory(owners=channels, admin=desk.channels)
