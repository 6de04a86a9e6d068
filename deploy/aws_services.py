"""The AWS services that the product calls, as botocore names them. The zip holds botocore's data for these only."""

SERVICES = frozenset({"dynamodb", "ec2", "ec2-instance-connect", "pricing", "service-quotas", "sns", "ssm", "sts"})
"""`tests/deploy/test_aws_services.py` compares them with the clients that the code creates."""
