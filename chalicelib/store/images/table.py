"""The images table and its indexes."""

from pynamodb.attributes import TTLAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.store.connections import TableMeta, TableModel


class ImagesByOwner(GlobalSecondaryIndex["ImageModel"]):
    """The images of one owner, in the order of their creation. Sparse: a deleted image has no `owner`."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ImagesByCreation(GlobalSecondaryIndex["ImageModel"]):
    """All images, in the order of their creation. Sparse: a deleted image has no `partition`."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-creation"
        projection = AllProjection()

    partition = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class PendingImages(GlobalSecondaryIndex["ImageModel"]):
    """The images that need work. Sparse: a finished image has no `pending`."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "pending"
        projection = AllProjection()

    pending = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ImageModel(TableModel):
    """An image of an instance's disk. `record` is the domain's value as JSON; the rest serves keys."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "images"

    id = UnicodeAttribute(hash_key=True)
    partition = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    created_key = UnicodeAttribute()
    pending = UnicodeAttribute(null=True)
    record = UnicodeAttribute()
    version = VersionAttribute()
    expires_at = TTLAttribute(null=True)
    by_owner = ImagesByOwner()
    by_creation = ImagesByCreation()
    pending_index = PendingImages()
