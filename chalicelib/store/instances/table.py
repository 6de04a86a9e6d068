"""The instances table and its indexes."""

from pynamodb.attributes import BooleanAttribute, TTLAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import PARTITION


class InstancesByOwner(GlobalSecondaryIndex["InstanceModel"]):
    """The instances of one owner, in the order of their creation."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class InstancesByCreation(GlobalSecondaryIndex["InstanceModel"]):
    """All instances, in the order of their creation."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-creation"
        projection = AllProjection()

    partition = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class ActiveInstances(GlobalSecondaryIndex["InstanceModel"]):
    """The instances that the sweep reconciles. Sparse: a terminated instance has no `active`."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "active"
        projection = AllProjection()

    active = UnicodeAttribute(hash_key=True)
    created_key = UnicodeAttribute(range_key=True)


class InstancesByEc2Id(GlobalSecondaryIndex["InstanceModel"]):
    """The record of an EC2 instance, found by the id that EC2 gave it."""

    class Meta(TableMeta):
        """The name and projection of the index."""

        index_name = "by-ec2-instance"
        projection = AllProjection()

    ec2_instance_id = UnicodeAttribute(hash_key=True)


class InstanceModel(TableModel):
    """Spec and status of an instance in one item.

    `record` is the domain's value as JSON; the rest serves keys, conditions and filters.
    A person's write sets `user_write` and a write of the control loop removes it: the stream's filter passes only
    items that have it.
    """

    class Meta(TableMeta):
        """The name of the table and the content of its stream."""

        base_name = "instances"
        stream_view_type = "NEW_IMAGE"

    id = UnicodeAttribute(hash_key=True)
    partition = UnicodeAttribute(default=PARTITION)
    owner = UnicodeAttribute()
    name = UnicodeAttribute()
    created_key = UnicodeAttribute()
    active = UnicodeAttribute(null=True)
    ec2_instance_id = UnicodeAttribute(null=True)
    user_write = BooleanAttribute(null=True)
    record = UnicodeAttribute()
    version = VersionAttribute()
    expires_at = TTLAttribute(null=True)
    by_owner = InstancesByOwner()
    by_creation = InstancesByCreation()
    active_index = ActiveInstances()
    by_ec2_instance = InstancesByEc2Id()
