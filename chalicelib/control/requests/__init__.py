"""What people and their clients can ask for, a module for each kind. Every refusal is one of the kinds of `Refused`.

All of it reads and writes DynamoDB and leaves AWS to the loop; the one exception is opening a session.
"""

from dataclasses import dataclass

from chalicelib.control.requests.administration import Administration
from chalicelib.control.requests.benchmarking import Benchmarking
from chalicelib.control.requests.changing import Changing
from chalicelib.control.requests.images import ImageRequests
from chalicelib.control.requests.launching import Launching
from chalicelib.control.requests.owners import OwnerRequests
from chalicelib.control.requests.reading import Reading
from chalicelib.control.requests.sessions import Sessions
from chalicelib.control.requests.setting_up import SettingUp


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The use cases."""

    launching: Launching
    changing: Changing
    reading: Reading
    sessions: Sessions
    setting_up: SettingUp
    images: ImageRequests
    administration: Administration
    owners: OwnerRequests
    benchmarking: Benchmarking
