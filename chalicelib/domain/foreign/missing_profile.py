"""Say that an adopted instance has no instance profile, on which sessions, setups, images and hooks depend."""

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.record import Instance

SETUP_PAGE = "https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-instance-permissions.html"


def describe_missing_profile(instance: Instance) -> str:
    """Return that an adopted instance has no instance profile and what helps, in sentences; empty: it has one.

    Without a profile, an SSM agent connects only if the account uses Default Host Management Configuration, so nothing
    is refused for this reason alone:
    https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html
    """
    ec2_instance = instance.ec2_instance
    if not instance.is_adopted_on_request or ec2_instance is None or ec2_instance.has_profile:
        return ""
    return (
        f"{instance.name} has no instance profile, so its SSM agent cannot connect, and sessions, setups, images "
        "and before-stop hooks do not work (unless the AWS account uses Default Host Management Configuration of SSM). "
        f"gpudesk does not change the profile. An admin of the AWS account can attach one that allows SSM: {SETUP_PAGE}"
    )


def build_missing_profile_warning(instance: Instance) -> WriteWarning | None:
    """Return the warning that an adopted instance has no instance profile; None: it has one."""
    message = describe_missing_profile(instance)
    return WriteWarning(WarningCode.NO_INSTANCE_PROFILE, message) if message else None
