"""The return of a spot instance that EC2 had interrupted, and for which no start was requested."""

from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

UNWANTED_RETURN = "EC2 started it again after it had interrupted it, and no start was requested."


def is_stop_requested(instance: Instance) -> bool:
    """Return whether a person requested the stop last. An interruption also makes `stopped` the desired state."""
    return instance.state_request is not None and instance.state_request.state is DesiredState.STOPPED


def is_interrupted(instance: Instance) -> bool:
    """Return whether EC2 has stopped the instance and can start it again."""
    return instance.phase is Phase.STOPPED and instance.observed.was_interrupted


def is_unwanted_return(instance: Instance) -> bool:
    """Return whether EC2 has started the instance again, nobody requested that, and gpudesk may not stop it yet."""
    is_unwanted = instance.spec.desired is DesiredState.STOPPED and not is_stop_requested(instance)
    return instance.phase is Phase.BOOTING and is_unwanted
