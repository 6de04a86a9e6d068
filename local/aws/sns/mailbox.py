"""A pretend mailbox for every address: what SNS sends by e-mail arrives here and can be read."""

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Mail:
    """One mail.

    :param at: when it was sent, by the cloud's clock
    :param token: what ConfirmSubscription wants; only in a mail that asks for it
    """

    at: datetime
    to: str
    subject: str
    text: str
    token: str | None = None


class Mailbox:
    """Every mail so far, in order. Any thread may look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def deliver(self, mail: Mail) -> None:
        with self._lock:
            self._mails.append(mail)

    def list_mails(self, address: str | None = None) -> list[Mail]:
        """Those to one address, or all of them."""
        with self._lock:
            return [mail for mail in self._mails if address in (None, mail.to)]

    def find_token(self, address: str) -> str:
        """The token of the last mail that asks this address for a confirmation.

        :raises KeyError: no mail did
        """
        tokens = [mail.token for mail in self.list_mails(address) if mail.token]
        if not tokens:
            raise KeyError(f"mail to {address} that asks for a confirmation")
        return tokens[-1]
