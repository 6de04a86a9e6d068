"""Access to the AMIs that the stage creates from its instances, and to their snapshots."""

from chalicelib.aws.tags import STAGE_TAG
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
        *_build_copy_statements(names),
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


def _build_copy_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements to copy the temporary image of a move to another region.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/copy-ami-permissions.html
    """
    images, snapshots = names.arn("ec2", "image/*", account=""), names.arn("ec2", "snapshot/*", account="")
    return (
        Statement(
            sid="CopyTaggedImages",
            actions=("ec2:CopyImage",),
            resources=(images, snapshots),
            condition=names.build_tag_condition("aws:RequestTag"),
            reason="Create only copies with the tag of the stage.",
        ),
        Statement(
            sid="CopyAnyImage",
            actions=("ec2:CopyImage",),
            resources=(images,),
            condition={"Null": {f"aws:RequestTag/{STAGE_TAG}": "true"}},
            reason="The source of a copy. CopyImage knows no tag of the source, so it can be any image. A copy without "
            "the tag of the stage is denied, because its snapshots need the tag.",
        ),
        build_tagging_statement(
            names,
            "TagCopiedImages",
            "CopyImage",
            (images, snapshots),
            "Tag only what CopyImage creates in the same call.",
        ),
    )
