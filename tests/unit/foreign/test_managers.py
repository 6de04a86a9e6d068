"""Services that manage an instance are found by the tags that they set."""

import pytest

from chalicelib.domain.foreign.managers import find_manager


@pytest.mark.parametrize(
    ("key", "manager"),
    [
        ("aws:autoscaling:groupName", "an Auto Scaling group"),
        ("eks:cluster-name", "Amazon EKS"),
        ("kubernetes.io/cluster/prod", "Kubernetes"),
        ("karpenter.sh/nodepool", "Karpenter"),
        ("AWSBatchServiceTag", "AWS Batch"),
        ("AmazonECSManaged", "Amazon ECS"),
        ("aws:ec2spot:fleet-request-id", "a Spot Fleet"),
        ("aws:ec2:fleet-id", "an EC2 Fleet"),
        ("elasticbeanstalk:environment-id", "AWS Elastic Beanstalk"),
        ("aws:elasticmapreduce:job-flow-id", "Amazon EMR"),
        ("sagemaker:cluster", "Amazon SageMaker"),
    ],
)
def test_service_is_named_by_its_tag(key: str, manager: str) -> None:
    assert find_manager({"Name": "x", key: "1"}) == manager


def test_operator_of_ec2_comes_before_tags() -> None:
    assert find_manager({"aws:autoscaling:groupName": "g"}, "eks.amazonaws.com") == "eks.amazonaws.com"


def test_node_in_an_auto_scaling_group_is_managed_by_the_group() -> None:
    assert find_manager({"eks:cluster-name": "c", "aws:autoscaling:groupName": "g"}) == "an Auto Scaling group"


def test_other_tags_name_no_manager() -> None:
    assert find_manager({"Name": "eks", "team": "karpenter", "Eks:x": "1"}) is None
