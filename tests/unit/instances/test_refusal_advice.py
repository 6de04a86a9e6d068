"""What to fix, and who can, when AWS refuses a launch or a start for good."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.errors import translate_error
from chalicelib.domain.common.aws_errors import AwsError, AwsForbidden, PermanentAwsError, PrerequisiteMissing
from chalicelib.domain.instances.lifecycle.launch_errors import record_launch_error
from chalicelib.domain.instances.lifecycle.starting import record_start_error
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import ImageRef
from tests.unit.instances.simulation import build_requested_instance, get_time
from tests.unit.instances.test_start import build_starting_instance


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UnauthorizedOperation", "gpudesk lacks a permission, so no change of the request helps. Ask an admin"),
        ("InvalidVpcID.NotFound", "gpudesk chooses the VPC, so no change of the request helps in this region."),
        ("InvalidSubnet", "Ask an admin to check it in us-east-1 and to deploy gpudesk there again"),
        ("InvalidAMIID.Malformed", "gpudesk chooses the AMI"),
        ("InvalidParameterValue", "If the text above names a field of the request"),
        ("InvalidParameterCombination", "send the text to an admin"),
        ("AuthFailure", "AWS does not accept the credentials or the account of gpudesk"),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "aws iam create-service-linked-role"),
        ("InvalidKMSKey.InvalidState", "Ask an admin to check the default key for EBS encryption"),
        ("Blocked", "Ask an admin to contact AWS Support"),
        ("OptInRequired", "Ask an admin to enable us-east-1 in the AWS account"),
        ("SomethingNew", "Otherwise ask an admin to remove the cause. Then launch it again."),
    ],
)
def test_refused_launch_says_what_to_fix(code: str, expected: str) -> None:
    error = translate_error(ClientError({"Error": {"Code": code, "Message": "AWS says no."}}, "RunInstances"))
    failed = record_launch_error(build_requested_instance(), error, get_time(1)).instance
    assert failed.phase is Phase.FAILED
    assert expected in failed.reason.message


def test_image_whose_ami_is_invalid_is_named() -> None:
    instance = build_requested_instance()
    software = replace(instance.spec.software, image=ImageRef(id="gi-1", name="vision-1", ami_id="ami-1"))
    captured = replace(instance, spec=replace(instance.spec, software=software))
    plan = record_launch_error(captured, PermanentAwsError("InvalidAMIID.Malformed", "It is malformed."), get_time(1))
    assert "AWS cannot use the AMI of the image vision-1." in plan.reason.message


def test_region_without_what_a_launch_needs_is_left_to_an_admin_or_to_another_region() -> None:
    plan = record_launch_error(build_requested_instance(), PrerequisiteMissing("There is no subnet"), get_time(1))
    assert "There is no subnet. Nothing was launched. Ask an admin to set this up, or launch in" in plan.reason.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AwsForbidden("UnauthorizedOperation", "You are not authorized."), "Ask an admin to deploy gpudesk again"),
        (PermanentAwsError("InvalidParameterValue", "Wrong."), "Start it again later, or launch another instance."),
    ],
)
def test_start_that_is_refused_for_a_permission_needs_an_admin(error: AwsError, expected: str) -> None:
    plan = record_start_error(build_starting_instance(), error, get_time(1))
    assert expected in plan.reason.message
