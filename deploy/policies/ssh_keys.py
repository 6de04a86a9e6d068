"""Access with ssh keys, which EC2 Instance Connect accepts for 60 seconds."""

from chalicelib.domain.sessions.session import SSH_USER
from deploy.names import ResourceNames
from deploy.policies.statement import Statement, merge_conditions


def build_ssh_key_statement(names: ResourceNames) -> Statement:
    """Return the statement for keys of the one user."""
    return Statement(
        sid="SendSshPublicKey",
        actions=("ec2-instance-connect:SendSSHPublicKey",),
        resources=(names.arn("ec2", "instance/*"),),
        condition=merge_conditions(names.build_tag_condition(), {"StringEquals": {"ec2:osuser": SSH_USER}}),
        reason="Let the caller's ssh key log in for 60 seconds, on instances of this stage only.",
    )
