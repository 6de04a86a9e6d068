"""Access to RunInstances, which needs permission on each resource that a launch uses or creates.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
"""

from deploy.cloudformation import to_logical_id
from deploy.names import ResourceNames
from deploy.policies.statement import Condition, Statement, merge_conditions
from deploy.policies.tagging import build_tagging_statement

CANONICAL = "099720109477"
"""The account of Canonical. `ec2:Owner` is `amazon`, `aws-marketplace` or the id of an account."""

PUBLIC_IMAGE_PARAMETERS = ("canonical", "deeplearning")
"""The services under /aws/service whose parameters name the AMIs of the catalog and of the recipes."""


def build_launch_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for launches. No key pair is among the resources, so a launch with one is denied."""
    in_regions = _build_region_condition(names)
    return (
        Statement(
            sid="LaunchInstances",
            actions=("ec2:RunInstances",),
            resources=(names.arn("ec2", "instance/*"),),
            condition=merge_conditions(
                in_regions,
                names.build_tag_condition("aws:RequestTag"),
                {
                    "StringEquals": {"ec2:MetadataHttpTokens": "required"},
                    "ArnEquals": {"ec2:InstanceProfile": names.profile_arn("instance")},
                },
            ),
            reason="Launch only in the configured regions, with the tag of the stage, IMDSv2 and the one profile.",
        ),
        Statement(
            sid="LaunchWithEncryptedVolumes",
            actions=("ec2:RunInstances",),
            resources=(names.arn("ec2", "volume/*"),),
            condition=merge_conditions(
                in_regions,
                names.build_tag_condition("aws:RequestTag"),
                {"Bool": {"ec2:Encrypted": "true"}},
            ),
            reason="Create only encrypted volumes with the tag of the stage.",
        ),
        Statement(
            sid="LaunchWithTags",
            actions=("ec2:RunInstances",),
            resources=(names.arn("ec2", "network-interface/*"), names.arn("ec2", "spot-instances-request/*")),
            condition=merge_conditions(in_regions, names.build_tag_condition("aws:RequestTag")),
            reason="Create network interfaces and spot requests with the tag of the stage.",
        ),
        *_build_spot_statements(names),
        Statement(
            sid="LaunchIntoSecurityGroup",
            actions=("ec2:RunInstances",),
            resources=(names.arn("ec2", "security-group/*"),),
            condition=merge_conditions(in_regions, names.build_tag_condition()),
            reason="Use only the security group of the stage, which has no ingress rule.",
        ),
        *_build_subnet_statements(names),
        *_build_image_statements(names),
        *_build_tag_and_role_statements(names),
        *_build_key_statements(names),
    )


def _build_spot_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for spot: to cancel requests, and to let the first launch create the role of EC2 Spot.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
    """
    role = names.arn("iam", "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot", region="")
    return (
        Statement(
            sid="CancelSpotRequests",
            actions=("ec2:CancelSpotInstanceRequests",),
            resources=(names.arn("ec2", "spot-instances-request/*"),),
            condition=names.build_tag_condition(),
            reason="Cancel the spot request of an instance that ends, and requests without an instance, in any region.",
        ),
        Statement(
            sid="CreateSpotRole",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(role,),
            condition={"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
            reason="The first spot launch of an account creates the service-linked role of EC2 Spot.",
        ),
    )


def _build_subnet_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for the configured subnets, or else for all subnets of the configured VPC or region."""
    statements = []
    for region, settings in names.settings.region_settings.items():
        subnets = settings.subnets or ("*",)
        condition: Condition = {}
        if settings.vpc:
            # The VPC may belong to another account, which shares it. ArnEquals accepts wildcards.
            vpc = names.arn("ec2", f"vpc/{settings.vpc}", region=region, account="*")
            condition = {"ArnEquals": {"ec2:Vpc": vpc}}
        statements.append(
            Statement(
                sid=f"LaunchIntoSubnets{to_logical_id(region)}",
                actions=("ec2:RunInstances",),
                resources=tuple(
                    names.arn("ec2", f"subnet/{subnet}", region=region, account="*" if settings.vpc else None)
                    for subnet in subnets
                ),
                condition=condition,
                setting=f"regions.{region}.subnets",
                reason="Use the configured subnets. If none are configured, EC2 accepts only those of the VPC that has "
                "the security group of the stage.",
            )
        )
    return tuple(statements)


def _build_image_statements(names: ResourceNames) -> tuple[Statement, ...]:
    in_regions = _build_region_condition(names)
    images = (names.arn("ec2", "image/*", account=""), names.arn("ec2", "snapshot/*", account=""))
    public = tuple(
        names.arn("ssm", f"parameter/aws/service/{service}/*", account="") for service in PUBLIC_IMAGE_PARAMETERS
    )
    return (
        Statement(
            sid="LaunchPublicImages",
            actions=("ec2:RunInstances",),
            resources=images,
            condition=merge_conditions(in_regions, {"StringEquals": {"ec2:Owner": ["amazon", CANONICAL]}}),
            reason="Launch AMIs of Amazon and Canonical. It is not known whether AWS counts Canonical as amazon.",
        ),
        Statement(
            sid="LaunchStageImages",
            actions=("ec2:RunInstances",),
            resources=images,
            condition=merge_conditions(in_regions, names.build_tag_condition()),
            reason="Launch images that this stage has created, and no other private AMI.",
        ),
        Statement(
            sid="FindPublicImages",
            actions=("ssm:GetParameter",),
            resources=public,
            reason="Find the newest public AMI of Ubuntu and of the Deep Learning AMIs.",
        ),
    )


def _build_tag_and_role_statements(names: ResourceNames) -> tuple[Statement, ...]:
    created = tuple(
        names.arn("ec2", f"{kind}/*") for kind in ("instance", "network-interface", "spot-instances-request", "volume")
    )
    return (
        build_tagging_statement(
            names,
            "TagLaunched",
            "RunInstances",
            created,
            "Tag only what RunInstances creates in the same call. Existing resources cannot be tagged.",
        ),
        Statement(
            sid="PassInstanceRole",
            actions=("iam:PassRole",),
            resources=(names.role_arn("instance"),),
            condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            reason="Give instances their role, and no other role.",
        ),
    )


def _build_key_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements for customer keys that encrypt volumes.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    """
    keys = tuple(settings.kms_key for settings in names.settings.region_settings.values() if settings.kms_key)
    if not keys:
        return ()
    through_ec2 = {"StringLike": {"kms:ViaService": "ec2.*.amazonaws.com"}}
    return (
        Statement(
            sid="EncryptVolumes",
            actions=(
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ),
            resources=keys,
            condition=through_ec2,
            reason="Let EC2 encrypt volumes and images with the configured key.",
        ),
        Statement(
            sid="GrantKeysToEc2",
            actions=("kms:CreateGrant",),
            resources=keys,
            condition=merge_conditions(through_ec2, {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
            reason="Let EC2 create grants for the configured key, and only grants to AWS services.",
        ),
    )


def _build_region_condition(names: ResourceNames) -> Condition:
    return {"StringEquals": {"aws:RequestedRegion": list(names.settings.regions)}}
