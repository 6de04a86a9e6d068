"""Ways in. Opening a session is the one call to AWS that a person waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.aws.ssm import Session, Ssm
from chalicelib.control.requests.changing import Changing
from chalicelib.control.requests.finding import Finder
from chalicelib.domain.actors import Actor
from chalicelib.domain.connect import LOCAL_PORT, Command, commands
from chalicelib.domain.errors import CloudError, Conflict, FieldError, Invalid
from chalicelib.domain.instance import Ec2State, Instance, Machine, Phase
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.recipes import Recipe, jupyter_port
from chalicelib.domain.wishes import Wanted


class SessionKind(StrEnum):
    """What a session leads to."""

    SHELL = "shell"
    PORT = "port"
    JUPYTER = "jupyter"


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """GET .../connect and POST .../sessions."""

    finder: Finder
    changing: Changing
    ssm: Ssm
    recipes: Mapping[str, Recipe]

    def connect(self, actor: Actor, ref: str) -> list[Command]:
        """Commands for those who have AWS credentials of their own."""
        instance, machine = self._reachable(actor, ref)
        is_set_up = instance.phase is Phase.READY
        port = jupyter_port(instance.spec.recipes, self.recipes) if is_set_up else None
        return commands(machine.instance_id, instance.spec.region, port, is_set_up=is_set_up)

    def open_session(
        self, actor: Actor, ref: str, *, kind: SessionKind, port: int | None = None, local_port: int | None = None
    ) -> Session:
        """StartSession for those who have none; the answer goes to session-manager-plugin.

        The timeline tells of it first: nobody enters unseen.

        :param port: for kind `port`: the one on the instance
        :param local_port: the one on the laptop; the same, or the book's 8889 for Jupyter
        """
        instance, machine = self._reachable(actor, ref)
        of_jupyter = jupyter_port(instance.spec.recipes, self.recipes)
        if kind is SessionKind.JUPYTER and of_jupyter is None:
            recipes = " and ".join(instance.spec.recipes)
            raise Conflict(f"{instance.name} was set up as {recipes}, without Jupyter", code="no_jupyter")
        document, parameters = _session(kind, port, local_port, of_jupyter)
        now = self.changing.clock.now()
        reason = because("session_requested", f"{actor.name} opens a {kind} session")
        self.changing.change(actor, instance.id, lambda found: Wanted(found, (entry(now, reason, actor=actor.name),)))
        try:
            return self.ssm.open_session(instance.spec.region, machine.instance_id, document, parameters)
        except CloudError as error:
            raise Conflict(f"SSM did not open a session: {error.message} ({error.code})", code="no_session") from error

    def _reachable(self, actor: Actor, ref: str) -> tuple[Instance, Machine]:
        instance = self.finder.find(actor, ref)
        if instance.machine is None or instance.machine.state is not Ec2State.RUNNING:
            raise Conflict(f"{instance.name} is {instance.phase}: there is nothing to connect to", code="not_running")
        return instance, instance.machine


def _session(
    kind: SessionKind, port: int | None, local_port: int | None, jupyter_port: int | None
) -> tuple[str, dict[str, str]]:
    if kind is SessionKind.SHELL:
        return "SSM-SessionManagerRunShell", {}
    remote = port if kind is SessionKind.PORT else jupyter_port
    if remote is None:
        wrong = FieldError("port", "is needed with kind port: the port on the instance, 1 to 65535")
        raise Invalid("which port?", errors=(wrong,))
    local = local_port or (LOCAL_PORT if kind is SessionKind.JUPYTER else remote)
    return "AWS-StartPortForwardingSession", {"portNumber": str(remote), "localPortNumber": str(local)}
