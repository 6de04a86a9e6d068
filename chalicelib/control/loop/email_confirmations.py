"""Request the confirmation of new e-mail addresses from SNS, and record the state of each address."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.aws.email import EmailTopic
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.desk.channels import ChannelDirectory, Recipient
from chalicelib.domain.notifications.desk_notifications import build_unsubscription_notification
from chalicelib.domain.notifications.email_subscription import EmailState, EmailSubscription, update_subscription
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass
class EmailStates:
    """The states of all addresses. SNS is asked when the first one is needed, and once in a round of notifications.

    An error of that one call is the answer for the whole round.
    """

    email: EmailTopic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _states: Mapping[str, EmailState] | AwsError | None = None

    def can_be_read(self) -> bool:
        """Return whether SNS lists the states in this round. If not, that is logged once."""
        try:
            self.list_all()
        except AwsError:
            LOG.exception("SNS did not list the e-mail addresses; the next round of notifications tries again")
            return False
        return True

    def list_all(self) -> Mapping[str, EmailState]:
        """Return the states by address.

        :raises AwsError: SNS rejected the call or did not respond, now or before
        """
        with self._lock:
            if self._states is None:
                try:
                    self._states = self.email.list_states()
                except AwsError as error:
                    self._states = error
            if isinstance(self._states, AwsError):
                raise self._states
            return self._states


@dataclass(frozen=True)
class EmailConfirmations:
    """One round over all addresses. Nobody waits for it, so an error is left to the next round."""

    stores: Repositories
    email: EmailTopic
    states: EmailStates
    clock: Clock
    budget: TimeBudget

    def run(self, directory: ChannelDirectory) -> None:
        """Request missing confirmations, and record who has confirmed and who has unsubscribed.

        If SNS does not list the addresses, no state changes in this round.
        """
        addresses = directory.group_by_email()
        if not addresses or not self.email.has_topic or self.budget.is_spent or not self.states.can_be_read():
            return
        for (address, generation), recipients in sorted(addresses.items()):
            if self.budget.is_spent:
                return
            try:
                self._request_or_update(address, generation, recipients, directory)
            except Exception:
                names = ", ".join(recipient.name for recipient in recipients)
                message = "the e-mail address of %s (generation %d) could not be updated; the next round tries again"
                LOG.exception(message, names, generation)

    def _request_or_update(
        self, address: str, generation: int, recipients: Sequence[Recipient], directory: ChannelDirectory
    ) -> None:
        desk, now = self.stores.desk, self.clock.now()
        before = desk.find_email_subscription(address, generation)
        if before is None:
            self.email.subscribe(address)
            state = EmailState.PENDING
            requested = EmailSubscription(address=address, generation=generation, state=state, requested_at=now)
            desk.save_email_subscription(requested)
            return
        after = update_subscription(before, self.states.list_all().get(address), now)
        if after == before:
            return
        if after.state is EmailState.UNSUBSCRIBED:
            for recipient in recipients:
                notification = build_unsubscription_notification(recipient, directory, now)
                self.stores.notifications.put_if_absent(notification)
        desk.save_email_subscription(after)
