"""EC2 Instance Connect: an ssh key that is valid for 60 seconds, so no key pair and no permanent key is needed."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors


class InstanceConnect:
    """Sends ssh public keys to instances.

    The sshd of Ubuntu 20.04 and later accepts such keys. Ubuntu 18.04 needs the package ec2-instance-connect.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-connect-methods.html
    """

    def __init__(self, clients: Clients) -> None:
        """Use these SDK clients."""
        self._clients = clients

    def send_ssh_public_key(self, region: str, instance_id: str, user: str, public_key: str) -> None:
        """Let the holder of the private key log in as `user` for the next 60 seconds.

        :raises AwsError: AWS rejected the call or did not respond
        """
        with translate_errors():
            self._clients.instance_connect(region).send_ssh_public_key(
                InstanceId=instance_id, InstanceOSUser=user, SSHPublicKey=public_key
            )
