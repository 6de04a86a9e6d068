"""EC2 Instance Connect: an ssh key for one minute, so that none stays on a machine and no key pair is needed."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors


class InstanceConnect:
    """The sshd of Ubuntu's images of 20.04 and later asks for such keys; on 18.04 package ec2-instance-connect does it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-connect-methods.html
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def send_ssh_public_key(self, region: str, instance_id: str, user: str, public_key: str) -> None:
        """Let whoever has the private key in as `user`, for the next 60 seconds.

        :raises CloudError: AWS refused
        """
        with translate_errors():
            self._clients.instance_connect(region).send_ssh_public_key(
                InstanceId=instance_id, InstanceOSUser=user, SSHPublicKey=public_key
            )
