"""Commands and entries of ~/.ssh/config with which a person connects to an instance."""

from dataclasses import dataclass

DEFAULT_JUPYTER_LOCAL_PORT = 8889
"""Port on the person's computer. 8888 may be used by a local Jupyter; the D2L book uses 8889 too."""

IDENTITY_FILE = "~/.ssh/id_ed25519"

JUPYTER_TOKEN_FILE = "/etc/gpudesk/jupyter-token"  # noqa: S105 - this is its path


@dataclass(frozen=True)
class ConnectCommand:
    """A command for people with AWS credentials."""

    title: str
    command: str


@dataclass(frozen=True)
class SshConfig:
    """An entry of ~/.ssh/config."""

    title: str
    lines: tuple[str, ...]


def build_ssh_config(name: str, instance_id: str, ec2_instance_id: str, region: str, user: str) -> list[SshConfig]:
    """Return entries of ~/.ssh/config for ssh, scp and editors. They connect through a session, without an open port.

    Each connection sends the public key to the instance, where it is valid for one minute. The alias of the host key is
    gpudesk's id of the instance, which is unique. So ssh does not confuse two instances that have had the same name.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-enable-ssh-connections.html

    :param instance_id: gpudesk's id of the instance
    """
    host = (
        f"Host {name}",
        f"    HostName {ec2_instance_id}",
        f"    HostKeyAlias {instance_id}",
        f"    User {user}",
        f"    IdentityFile {IDENTITY_FILE}",
        "    IdentitiesOnly yes",
        "    StrictHostKeyChecking accept-new",
        # If a session breaks and cannot be resumed, ssh ends after 45 seconds and says so, instead of hanging.
        "    ConnectTimeout 30",
        "    ServerAliveInterval 15",
        "    ServerAliveCountMax 3",
    )
    send_key = (
        f"aws ec2-instance-connect send-ssh-public-key --region {region} --instance-id %h "
        f"--instance-os-user {user} --ssh-public-key file://{IDENTITY_FILE}.pub >/dev/null"
    )
    session = f"aws ssm start-session --region {region} --target %h --document-name AWS-StartSSHSession"
    return [
        SshConfig(
            "ssh without AWS credentials (gpudesk-session, from tools/ of the gpudesk repository, must be in the PATH)",
            (*host, f"    ProxyCommand gpudesk-session {instance_id} ssh {IDENTITY_FILE}.pub"),
        ),
        SshConfig("ssh with AWS credentials", (*host, f"    ProxyCommand sh -c '{send_key} && exec {session}'")),
    ]


def build_connect_commands(
    ec2_instance_id: str, region: str, jupyter_port: int | None, *, is_set_up: bool
) -> list[ConnectCommand]:
    """Return commands for a shell, for Jupyter if a recipe installed it, and for the history of the probe.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html

    :param is_set_up: whether the probe is installed
    """
    session = f"aws ssm start-session --region {region} --target {ec2_instance_id}"
    commands = [ConnectCommand("Shell on the instance", session)]
    if is_set_up:
        history = f"{session} --document-name AWS-StartNonInteractiveCommand --parameters command=gpudesk-history"
        title = "Readings of every signal, one line per minute, for `make replay`"
        # The Session Manager plugin prints about the begin and the end of the session on standard output too.
        commands.append(ConnectCommand(title, f"{history} | grep '^{{' > history.jsonl"))
    if jupyter_port is None:
        return commands
    forward = (
        f"{session} --document-name AWS-StartPortForwardingSession "
        f"--parameters portNumber={jupyter_port},localPortNumber={DEFAULT_JUPYTER_LOCAL_PORT}"
    )
    show_token = (
        f"{session} --document-name AWS-StartInteractiveCommand --parameters command='sudo cat {JUPYTER_TOKEN_FILE}'"
    )
    return [
        ConnectCommand(f"Jupyter on http://127.0.0.1:{DEFAULT_JUPYTER_LOCAL_PORT}", forward),
        ConnectCommand("Jupyter token, which only the instance stores", show_token),
        *commands,
    ]
