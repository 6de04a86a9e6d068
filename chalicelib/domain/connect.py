"""Ready-to-paste commands for people who have AWS credentials and the session-manager-plugin."""

from dataclasses import dataclass

LOCAL_PORT = 8889
"""As in the D2L book: the laptop's own Jupyter may be on 8888."""

TOKEN_FILE = "/etc/gpudesk/jupyter-token"  # noqa: S105 - where it is, not what it is


@dataclass(frozen=True)
class Command:
    """What it does, and the line to paste."""

    title: str
    command: str


def commands(instance_id: str, region: str, jupyter_port: int | None, *, is_set_up: bool) -> list[Command]:
    """A shell; where the recipe has one, the way to its Jupyter; where the probe has been set up, its history.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
    """
    base = f"aws ssm start-session --region {region} --target {instance_id}"
    anywhere = [Command("a shell on the instance", base)]
    if is_set_up:
        history = f"{base} --document-name AWS-StartNonInteractiveCommand --parameters command=gpudesk-history"
        title = "what every signal said, minute by minute, for `make replay`"
        # The plugin tells of the session's beginning and end on the same output.
        anywhere.append(Command(title, f"{history} | grep '^{{' > history.jsonl"))
    if jupyter_port is None:
        return anywhere
    forward = (
        f"{base} --document-name AWS-StartPortForwardingSession "
        f"--parameters portNumber={jupyter_port},localPortNumber={LOCAL_PORT}"
    )
    token = f"{base} --document-name AWS-StartInteractiveCommand --parameters command='sudo cat {TOKEN_FILE}'"
    return [
        Command(f"Jupyter on http://127.0.0.1:{LOCAL_PORT}", forward),
        Command("Jupyter's token, made on the instance and kept there", token),
        *anywhere,
    ]
