"""Say what to fix, and who can, when AWS refuses a launch or a start that it will refuse again.

The codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from chalicelib.domain.common.aws_errors import AwsError, AwsForbidden, PrerequisiteMissing, RegionNotEnabled
from chalicelib.domain.instances.record import Instance

PERMISSION_ADVICE = (
    "gpudesk lacks a permission, so no change of the request helps. Ask an admin to deploy gpudesk again with the "
    "policies of docs/permissions.md. If they are in place, a policy of the organization, a permissions boundary or "
    "the policy of a key forbids the call."
)
CREDENTIALS_ADVICE = (
    "AWS does not accept the credentials or the account of gpudesk, so no change of the request helps. Ask an admin to "
    "check the role of gpudesk and the account in the AWS console."
)
BLOCKED_ADVICE = "AWS has blocked the account. Ask an admin to contact AWS Support."
LINKED_ROLE_ADVICE = (
    "The first spot launch of an AWS account creates the service-linked role of EC2 Spot. gpudesk needs "
    "iam:CreateServiceLinkedRole for that. Ask an admin to create it once (aws iam create-service-linked-role "
    "--aws-service-name spot.amazonaws.com)."
)
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html"""

KMS_ADVICE = (
    "The most frequent cause is a KMS key that encrypts the disk and is disabled, is pending deletion, or may not be "
    "used by gpudesk. Ask an admin to check the default key for EBS encryption of this region and its key policy "
    "(kms:CreateGrant, kms:Decrypt, kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext, kms:ReEncrypt*)."
)
PARAMETER_ADVICE = (
    "EC2 does not accept a value of the call that gpudesk made for the request. If the text above names a field of the "
    "request, such as the disk, a tag or the type, change that. Otherwise no change of the request helps: send the "
    "text to an admin, because it is an error of gpudesk or of its settings."
)
TYPE_ADVICE = "Launch another instance type, or this one in another region."
OTHER_ADVICE = (
    "If the text above names something that the request chooses, change that. Otherwise ask an admin to remove the "
    "cause."
)

ADVICE_BY_PREFIX = (
    ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", LINKED_ROLE_ADVICE),
    ("AuthFailure", CREDENTIALS_ADVICE),
    ("ExpiredToken", CREDENTIALS_ADVICE),
    ("InvalidClientTokenId", CREDENTIALS_ADVICE),
    ("UnrecognizedClient", CREDENTIALS_ADVICE),
    ("Blocked", BLOCKED_ADVICE),
    ("InvalidKMSKey", KMS_ADVICE),
    ("KMSKey", KMS_ADVICE),
    ("InvalidInstanceType", TYPE_ADVICE),
    ("InvalidParameter", PARAMETER_ADVICE),
    ("InvalidBlockDeviceMapping", PARAMETER_ADVICE),
    ("InvalidRequest", PARAMETER_ADVICE),
    ("MissingParameter", PARAMETER_ADVICE),
    ("UnknownParameter", PARAMETER_ADVICE),
    ("ParamValidationError", PARAMETER_ADVICE),
    ("UnsupportedOperation", PARAMETER_ADVICE),
)
"""Advice by the beginning of AWS's code. The first one that fits counts."""

RESOURCE_PREFIXES = {
    "InvalidSubnet": "the subnet",
    "InvalidVpc": "the VPC",
    "InvalidGroup": "the security group",
    "InvalidSecurityGroup": "the security group",
    "InvalidIamInstanceProfile": "the instance profile",
    "InvalidSnapshot": "the snapshot of the image",
    "InvalidAMI": "the AMI",
}
"""Things of AWS that gpudesk chooses for a launch, by the beginning of the code with which AWS refuses them."""


def find_launch_advice(instance: Instance, error: AwsError) -> str:
    """Return what to do about a launch that AWS refused for good, as sentences."""
    image, region = instance.spec.software.image, instance.spec.region
    if isinstance(error, RegionNotEnabled):
        return f"Ask an admin to enable {region} in the AWS account, or launch in another region."
    if isinstance(error, PrerequisiteMissing):
        return "Ask an admin to set this up, or launch in another region or as another type."
    thing = next((name for prefix, name in RESOURCE_PREFIXES.items() if error.code.startswith(prefix)), None)
    if image and error.code.startswith(("InvalidAMI", "InvalidSnapshot")):
        return f"AWS cannot use the AMI of the image {image.name}. Launch from another image, or leave image out."
    if thing:
        return (
            f"gpudesk chooses {thing}, so no change of the request helps in this region. Ask an admin to check it in "
            f"{region} and to deploy gpudesk there again, or launch in another region."
        )
    return f"{find_admin_advice(error) or _find_by_code(error.code) or OTHER_ADVICE} Then launch it again."


def find_admin_advice(error: AwsError) -> str | None:
    """Return what an admin must do because AWS refuses gpudesk itself, as sentences; None: there is another cause."""
    if isinstance(error, AwsForbidden):
        return PERMISSION_ADVICE
    advice = _find_by_code(error.code)
    return advice if advice in (CREDENTIALS_ADVICE, BLOCKED_ADVICE, KMS_ADVICE) else None


def _find_by_code(code: str) -> str | None:
    return next((advice for prefix, advice in ADVICE_BY_PREFIX if code.startswith(prefix)), None)
