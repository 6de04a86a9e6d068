"""Deployment of gpudesk: the package, the CloudFormation templates and IAM policies. The product imports none of it."""
