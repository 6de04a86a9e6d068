"""EC2 Instance Connect: a public key that a machine's metadata service shows to its sshd for a minute.

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
from local.machines.host.port import Machines

KEY_LASTS = timedelta(seconds=60)
MAX_KEY_LENGTH = 4096
KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+={0,2}( [^\n]*)?\n?")
USER = re.compile(r"[A-Za-z_][A-Za-z0-9@._-]{0,30}[A-Za-z0-9$_-]?")


class InstanceConnect:
    """SendSSHPublicKey.

    :param now: the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle) -> None:
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle

    def patch(self, patches: Patches) -> None:
        patches.add(Ec2InstanceConnectResponse, "send_ssh_public_key", self._send())

    def _send(self) -> Callable[[Any], str]:
        def send_ssh_public_key(response: Any) -> str:
            asked = json.loads(response.body)
            instance_id, user, key = asked["InstanceId"], asked["InstanceOSUser"], asked["SSHPublicKey"]
            if not KEY.fullmatch(key) or len(key) > MAX_KEY_LENGTH or not USER.fullmatch(user):
                raise CloudError("InvalidArgsException", "One of the parameters is not valid.")
            life = self._lifecycle.instances.get(instance_id)
            if life is None or life.region != response.region:
                raise CloudError("EC2InstanceNotFoundException", f"{instance_id} was not found.", status=404)
            if life.state != "running":
                raise CloudError("EC2InstanceStateInvalidException", f"{instance_id} is {life.state}.")
            self._machines.show_ssh_key(instance_id, user, key.strip(), self._now() + KEY_LASTS)
            return json.dumps({"RequestId": str(uuid4()), "Success": True})

        return send_ssh_public_key
