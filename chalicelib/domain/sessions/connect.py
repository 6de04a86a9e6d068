"""Ready to paste: commands for people who have AWS credentials, and lines for ~/.ssh/config."""

from dataclasses import dataclass

DEFAULT_JUPYTER_LOCAL_PORT = 8889
"""As in the D2L book: the laptop's own Jupyter may be on 8888."""

IDENTITY_FILE = "~/.ssh/id_ed25519"

JUPYTER_TOKEN_FILE = "/etc/gpudesk/jupyter-token"  # noqa: S105 - where it is, not what it is


@dataclass(frozen=True)
class ConnectCommand:
    """What it does, and the line to paste."""

    title: str
    command: str


@dataclass(frozen=True)
class SshConfig:
    """For whom, and the lines of ~/.ssh/config."""

    title: str
    lines: tuple[str, ...]


def ssh_config_entries(name: str, desk_id: str, instance_id: str, region: str, login: str) -> list[SshConfig]:
    """ssh, scp and editors through a session: no port is open, no key pair is made, a key is good for one minute.

    The host's key is known by the desk's id, which is never used again, so another machine of the same name is another
    host. https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-getting-started-enable-ssh-connections.html
    """
    host = (
        f"Host {name}",
        f"    HostName {instance_id}",
        f"    HostKeyAlias {desk_id}",
        f"    User {login}",
        f"    IdentityFile {IDENTITY_FILE}",
        "    IdentitiesOnly yes",
        "    StrictHostKeyChecking accept-new",
    )
    push = (
        f"aws ec2-instance-connect send-ssh-public-key --region {region} --instance-id %h "
        f"--instance-os-user {login} --ssh-public-key file://{IDENTITY_FILE}.pub >/dev/null"
    )
    session = f"aws ssm start-session --region {region} --target %h --document-name AWS-StartSSHSession"
    return [
        SshConfig(
            "ssh without AWS credentials: gpudesk-session, of the repository's tools/, must be in the PATH",
            (*host, f"    ProxyCommand gpudesk-session {desk_id} ssh {IDENTITY_FILE}.pub"),
        ),
        SshConfig("ssh with AWS credentials", (*host, f"    ProxyCommand sh -c '{push} && exec {session}'")),
    ]


def connect_commands(
    instance_id: str, region: str, jupyter_port: int | None, *, is_set_up: bool
) -> list[ConnectCommand]:
    """A shell; where the recipe has one, the way to its Jupyter; where the probe has been set up, its history.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
    """
    base = f"aws ssm start-session --region {region} --target {instance_id}"
    anywhere = [ConnectCommand("a shell on the instance", base)]
    if is_set_up:
        history = f"{base} --document-name AWS-StartNonInteractiveCommand --parameters command=gpudesk-history"
        title = "what every signal said, minute by minute, for `make replay`"
        # The plugin tells of the session's beginning and end on the same output.
        anywhere.append(ConnectCommand(title, f"{history} | grep '^{{' > history.jsonl"))
    if jupyter_port is None:
        return anywhere
    forward = (
        f"{base} --document-name AWS-StartPortForwardingSession "
        f"--parameters portNumber={jupyter_port},localPortNumber={DEFAULT_JUPYTER_LOCAL_PORT}"
    )
    token = f"{base} --document-name AWS-StartInteractiveCommand --parameters command='sudo cat {JUPYTER_TOKEN_FILE}'"
    return [
        ConnectCommand(f"Jupyter on http://127.0.0.1:{DEFAULT_JUPYTER_LOCAL_PORT}", forward),
        ConnectCommand("Jupyter's token, made on the instance and kept there", token),
        *anywhere,
    ]
