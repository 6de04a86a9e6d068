"""What people and their clients can ask for, a module for each kind. Every refusal is one of the kinds of `Refused`.

All of it reads and writes DynamoDB and leaves AWS to the loop; the one exception is opening a session.
"""

from dataclasses import dataclass

from chalicelib.control.requests.administration import DeskService
from chalicelib.control.requests.benchmarking import BenchmarkService
from chalicelib.control.requests.changing import InstanceService
from chalicelib.control.requests.images import ImageService
from chalicelib.control.requests.launching import LaunchService
from chalicelib.control.requests.owners import OwnerService
from chalicelib.control.requests.reading import QueryService
from chalicelib.control.requests.sessions import SessionService
from chalicelib.control.requests.setting_up import SetupService


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
