"""Access to the AMIs that the stage creates from its instances, and to their snapshots."""

from deploy.names import ResourceNames
from deploy.policies.statement import Statement
from deploy.policies.tagging import build_tagging_statement


def build_image_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements to create and delete images."""
    images, snapshots = names.arn("ec2", "image/*", account=""), names.arn("ec2", "snapshot/*", account="")
    created = (images, snapshots)
    return (
        Statement(
            sid="CreateImagesOfInstances",
            actions=("ec2:CreateImage",),
            resources=(names.arn("ec2", "instance/*"),),
            condition=names.build_tag_condition(),
            reason="Create images of instances of this stage only.",
        ),
        Statement(
            sid="CreateTaggedImages",
            actions=("ec2:CreateImage",),
            resources=created,
            condition=names.build_tag_condition("aws:RequestTag"),
            reason="Create only images and snapshots with the tag of the stage.",
        ),
        build_tagging_statement(
            names,
            "TagCreatedImages",
            "CreateImage",
            created,
            "Tag only what CreateImage creates in the same call. Existing images cannot be tagged.",
        ),
        Statement(
            sid="DeregisterImages",
            actions=("ec2:DeregisterImage",),
            resources=(images,),
            condition=names.build_tag_condition(),
            reason="Delete images of this stage only.",
        ),
        Statement(
            sid="DeleteSnapshots",
            actions=("ec2:DeleteSnapshot",),
            resources=(snapshots,),
            condition=names.build_tag_condition(),
            reason="Delete the snapshots of deleted images of this stage only.",
        ),
    )
