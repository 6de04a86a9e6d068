"""Load the notification channels of all owners and of the admins."""

from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.store.owners import OwnerRepository


def load_channel_directory(desk: DeskSettings, owners: OwnerRepository) -> ChannelDirectory:
    """Return the notification channels of all owners and of the admins, as they are set now."""
    channels = {owner: settings.channels for owner, settings in owners.list_all().items() if settings.channels}
    return ChannelDirectory(owners=channels, admin=desk.channels)
