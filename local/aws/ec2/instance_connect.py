"""EC2 Instance Connect: an instance's metadata service offers a public key to its sshd for one minute.

https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html
"""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.machines.host.interface import Machines

KEY_VALID_FOR = timedelta(seconds=60)
MAX_KEY_LENGTH = 4096
PUBLIC_KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+={0,2}( [^\n]*)?\n?")
USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9@._-]{0,30}[A-Za-z0-9$_-]?")


class InstanceConnect:
    """Extension with SendSSHPublicKey.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle) -> None:
        """Create the extension."""
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle

    def patch(self, patches: Patches) -> None:
        """Add SendSSHPublicKey."""
        patches.add(Ec2InstanceConnectResponse, "send_ssh_public_key", self._build_send_ssh_public_key())

    def _build_send_ssh_public_key(self) -> Callable[[Any], str]:
        def send_ssh_public_key(response: Any) -> str:
            fields = json.loads(response.body)
            instance_id, user, key = fields["InstanceId"], fields["InstanceOSUser"], fields["SSHPublicKey"]
            if not PUBLIC_KEY.fullmatch(key) or len(key) > MAX_KEY_LENGTH or not USER_NAME.fullmatch(user):
                raise CloudError("InvalidArgsException", "One of the parameters is not valid.")
            tracked = self._lifecycle.instances.get(instance_id)
            if tracked is None or tracked.region != response.region:
                raise CloudError("EC2InstanceNotFoundException", f"{instance_id} was not found.", status=404)
            if tracked.state != "running":
                raise CloudError("EC2InstanceStateInvalidException", f"{instance_id} is {tracked.state}.")
            self._machines.show_ssh_key(instance_id, user, key.strip(), self._now() + KEY_VALID_FOR)
            return json.dumps({"RequestId": str(uuid4()), "Success": True})

        return send_ssh_public_key
