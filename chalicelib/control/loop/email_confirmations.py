"""Request the confirmation of new e-mail addresses from SNS, and record whether they are confirmed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.email import EmailTopic
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.notifications.email_subscription import EmailState, EmailSubscription, update_subscription
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmailConfirmations:
    """One round over all addresses. Nobody waits for it, so an error is left to the next round."""

    stores: Repositories
    email: EmailTopic
    clock: Clock
    budget: TimeBudget

    def run(self, directory: ChannelDirectory) -> None:
        """Request missing confirmations. SNS is asked for the state only while one is pending."""
        pending = [
            subscription
            for address, generation in sorted(directory.list_email_addresses())
            if not self.budget.is_spent
            and (subscription := self._find_or_request(address, generation)) is not None
            and subscription.state is EmailState.PENDING
        ]
        if not pending:
            return
        try:
            listed = self.email.list_states()
            for subscription in pending:
                self._record(subscription, listed)
        except Exception:
            LOG.exception("confirmations could not be read; the next round tries again")

    def _find_or_request(self, address: str, generation: int) -> EmailSubscription | None:
        """Return the subscription of an address that was set; request its confirmation if that was not done yet.

        :returns: None if SNS or the table did not respond
        """
        desk = self.stores.desk
        try:
            found = desk.find_email_subscription(address, generation)
            if found is None:
                self.email.subscribe(address)
                found = EmailSubscription(
                    address=address, generation=generation, state=EmailState.PENDING, requested_at=self.clock.now()
                )
                desk.save_email_subscription(found)
        except Exception:
            LOG.exception("%s could not be subscribed; the next round tries again", address)
            return None
        return found

    def _record(self, subscription: EmailSubscription, listed: Mapping[str, EmailState]) -> None:
        current = update_subscription(subscription, listed.get(subscription.address), self.clock.now())
        if current != subscription:
            self.stores.desk.save_email_subscription(current)
