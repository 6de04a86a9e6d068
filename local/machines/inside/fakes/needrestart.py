"""Fake needrestart, which restarts services after an upgrade of packages, as on Ubuntu 22.04."""

import os
import re
from pathlib import Path

from local.machines.inside.wire import exchange

CONFIGURATION = Path("/etc/needrestart/conf.d")
EXEMPTION = re.compile(r"\$nrconf\{override_rc\}\{qr\((?P<pattern>.*)\)\} = 0;")
NEVER_RESTARTED = re.compile(r"amazon-ssm-agent|^snap\.|^ssh|^systemd-")


def restart_services() -> None:
    """Restart the running services that no file of the configuration exempts."""
    if os.environ.get("NEEDRESTART_SUSPEND"):
        return
    lines = [line for file in CONFIGURATION.glob("*.conf") for line in file.read_text().splitlines()]
    exempt = [match["pattern"] for line in lines if (match := EXEMPTION.fullmatch(line))]
    for name in exchange({"query": "names"})["names"]:
        is_kept = NEVER_RESTARTED.search(name) or any(re.search(pattern, name) for pattern in exempt)
        if not is_kept and exchange({"query": "show", "unit": name})["state"] == "active":
            print(f"Restarting services...\n systemctl restart {name}")
            exchange({"query": "restart", "unit": name})
