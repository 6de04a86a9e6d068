"""Find the service that manages an EC2 instance, by the tags that it sets.

Such a service replaces an instance that stops, or loses track of it. So gpudesk lists the instance and does not adopt
it.
"""

from collections.abc import Mapping

EXACT_TAGS: Mapping[str, str] = {
    "AWSBatchServiceTag": "AWS Batch",
    "AmazonECSManaged": "Amazon ECS",
    "aws:autoscaling:groupName": "an Auto Scaling group",
    "aws:ec2:fleet-id": "an EC2 Fleet",
    "aws:ec2spot:fleet-request-id": "a Spot Fleet",
    "aws:elasticmapreduce:job-flow-id": "Amazon EMR",
    "elasticbeanstalk:environment-name": "AWS Elastic Beanstalk",
}
"""The service behind a tag key.

- https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
- https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
- https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
- https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/applications-tagging-resources.html
- https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-fleet-requests.html
"""

TAG_PREFIXES: Mapping[str, str] = {
    "aws:batch:": "AWS Batch",
    "aws:ecs:": "Amazon ECS",
    "aws:eks:": "Amazon EKS",
    "aws:elasticmapreduce:": "Amazon EMR",
    "aws:sagemaker:": "Amazon SageMaker",
    "eks:": "Amazon EKS",
    "elasticbeanstalk:": "AWS Elastic Beanstalk",
    "karpenter.sh/": "Karpenter",
    "kubernetes.io/cluster/": "Kubernetes",
    "parallelcluster:": "AWS ParallelCluster",
    "sagemaker:": "Amazon SageMaker",
}
"""The service behind the beginning of a tag key.

- https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html
- https://karpenter.sh/docs/concepts/nodeclasses/#spectags
- https://docs.aws.amazon.com/parallelcluster/latest/ug/resources-tags.html
"""


def find_manager(tags: Mapping[str, str], operator: str | None = None) -> str | None:
    """Return the service that manages an instance; None if no tag says that one does.

    The operator comes first, then services that AWS names exactly. So an EKS node in an Auto Scaling group is one of
    the group, which replaces it.

    :param operator: the service that EC2 itself names as the manager
        (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_OperatorResponse.html)
    """
    if operator is not None:
        return operator
    for key, service in EXACT_TAGS.items():
        if key in tags:
            return service
    for prefix, service in TAG_PREFIXES.items():
        if any(key.startswith(prefix) for key in tags):
            return service
    return None
