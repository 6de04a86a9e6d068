"""Check that a caller may connect to an instance, and that it has what the session needs."""

from collections.abc import Iterable, Mapping

from chalicelib.control.services.instances import load_visible
from chalicelib.control.services.session_opener import Target
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.text import join_and
from chalicelib.domain.images.record import describe_removed_secrets
from chalicelib.domain.instances.commands.change import describe_not_ready, require_not_ending
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.sessions.session import SessionRequest
from chalicelib.domain.setup.recipe import Recipe, find_jupyter_port
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.repository import InstanceRepository


def load_running(instances: InstanceRepository, actor: Actor, ref: str) -> tuple[Instance, Ec2Instance]:
    """Return an instance that the caller may see, and its EC2 instance, which is running according to the record.

    :raises NotFound: it does not exist, or the caller may not see it
    :raises Conflict: it is terminated, or is not running
    """
    instance = load_visible(instances, actor, ref)
    if instance.ec2_instance is None or instance.ec2_instance.state is not Ec2State.RUNNING:
        require_not_ending(instance, "be connected to")
        message = describe_not_ready(instance, "Connect to it")
        if instance.phase is Phase.READY:
            message = f"The EC2 instance of {instance.name} is not running. Try again in a minute."
        raise Conflict(message, code=ErrorCode.NOT_RUNNING)
    return instance, instance.ec2_instance


def find_session_jupyter_port(instance: Instance, request: SessionRequest, recipes: Mapping[str, Recipe]) -> int | None:
    """Return the port of Jupyter; None: the session does not need it, and the instance has none.

    :raises Conflict: the session needs Jupyter, and the instance has none
    """
    port = find_jupyter_port(instance.spec.software.recipes, recipes)
    if request.kind.requires_jupyter and port is None:
        installed = join_and(instance.spec.software.recipes)
        message = f"{instance.name} has no Jupyter. Its recipes: {installed}. Add recipe jupyter (POST .../setup)."
        raise Conflict(message, code=ErrorCode.NO_JUPYTER)
    return port


def require_secrets(instance: Instance, images: ImageRepository) -> None:
    """Refuse a session while the secrets of the instance are removed from its disk.

    :raises Conflict: an image is being created, and the secrets are not restored yet
    """
    for image in images.list_pending():
        if image.source.instance_id == instance.id and image.secrets_removed:
            raise Conflict(describe_removed_secrets(image), code=ErrorCode.SECRETS_REMOVED)


def require_ec2_tags(target: Target, found: Iterable[ObservedInstance]) -> None:
    """Refuse a session with an EC2 instance that has lost its tags, or does not run.

    :param found: the EC2 instances that have the tags of the instance now
    :raises Conflict: it does not run, or has lost its tags
    """
    if not any(ec2.instance_id == target.instance_id and ec2.state is Ec2State.RUNNING for ec2 in found):
        message = f"{target.instance_id} is not running or lost its gpudesk tags. Sessions are refused."
        raise Conflict(message, code=ErrorCode.TAGS_MISSING)
