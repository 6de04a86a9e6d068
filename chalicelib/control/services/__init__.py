"""What people and their clients can ask for, a module for each kind. Every refusal is one of the kinds of `Refused`.

All of it reads and writes DynamoDB and leaves AWS to the loop; the one exception is opening a session.
"""

from dataclasses import dataclass

from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.owners import OwnerService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The use cases."""

    launching: LaunchService
    changing: InstanceService
    reading: QueryService
    sessions: SessionService
    setting_up: SetupService
    images: ImageService
    administration: DeskService
    owners: OwnerService
    benchmarking: BenchmarkService
