"""Mailbox that receives the mails of SNS to all addresses."""

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Mail:
    """One mail.

    :param at: time at which it was sent, on the cloud's clock
    :param token: token for ConfirmSubscription; None in any other mail
    """

    at: datetime
    to: str
    subject: str
    text: str
    token: str | None = None


class Mailbox:
    """List of all mails in order. Any thread may use it."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def deliver(self, mail: Mail) -> None:
        """Add a mail."""
        with self._lock:
            self._mails.append(mail)

    def list_mails(self, address: str | None = None) -> list[Mail]:
        """Return the mails to one address, or all if it is None."""
        with self._lock:
            return [mail for mail in self._mails if address in (None, mail.to)]

    def find_token(self, address: str) -> str:
        """Return the token of the last confirmation mail to this address.

        :raises KeyError: there is no such mail
        """
        tokens = [mail.token for mail in self.list_mails(address) if mail.token]
        if not tokens:
            raise KeyError(f"No mail asks {address} for a confirmation.")
        return tokens[-1]
