"""What people want of an instance that is there: read, decided, written under the guard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.control.address_book import address_book
from chalicelib.control.requests.finding import Finder
from chalicelib.domain import wishes
from chalicelib.domain.actors import Actor
from chalicelib.domain.clock import Clock
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import Conflict, ErrorCode
from chalicelib.domain.instance import Instance
from chalicelib.domain.notices import Notice, notices_of
from chalicelib.domain.policies import PolicyAsk
from chalicelib.domain.wishes import Wanted
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import TRIES, Stale


@dataclass(frozen=True, kw_only=True)
class Changing:
    """stop, start, DELETE, keep, PATCH: each sets what is desired; the loop does it."""

    instances: Instances
    finder: Finder
    desk: DeskStore
    owners: Owners
    clock: Clock

    def stop(self, actor: Actor, ref: str) -> Instance:
        return self.change(actor, ref, lambda instance: wishes.stop(instance, actor, self.clock.now()))

    def start(self, actor: Actor, ref: str) -> Instance:
        if self.desk.settings().mode is Mode.PAUSED:
            raise Conflict(
                "gpudesk is paused. Instances can be started when an admin sets mode to enforce.",
                code=ErrorCode.DESK_PAUSED,
            )
        return self.change(actor, ref, lambda instance: wishes.start(instance, actor, self.clock.now()))

    def terminate(self, actor: Actor, ref: str) -> Instance:
        return self.change(actor, ref, lambda instance: wishes.terminate(instance, actor, self.clock.now()))

    def keep(self, actor: Actor, ref: str, *, hours: float | None, until: datetime | None) -> Instance:
        """Leave it running for `hours` from now, or until `until`."""
        limits = self.desk.settings().limits

        def kept(instance: Instance) -> Wanted:
            now = self.clock.now()
            end = until or now + timedelta(hours=min(hours or 0, 10**5))
            return wishes.keep(instance, end, actor, limits, now, "until" if until else "hours")

        return self.change(actor, ref, kept)

    def amend(self, actor: Actor, ref: str, ask: PolicyAsk) -> Instance:
        """Change the policy of a living instance."""
        limits = self.desk.settings().limits
        return self.change(actor, ref, lambda found: wishes.amend(found, ask, actor, limits, self.clock.now()))

    def change(self, actor: Actor, ref: str, wish: Callable[[Instance], Wanted]) -> Instance:
        """Read, decide, write under the guard; what meets another write is decided again on what it became."""
        actor.who_owns()
        for _ in range(TRIES):
            instance = self.finder.find(actor, ref)
            wanted = wish(instance)
            if wanted.instance == instance and not wanted.entries:
                return instance
            notices = self._notices(wanted)
            try:
                return self.instances.write(instance, wanted.instance, wanted.entries, notices=notices, user_write=True)
            except Stale:
                continue
        raise Conflict(f"{ref} is being changed by others; try again", code=ErrorCode.CONCURRENT_UPDATE)

    def _notices(self, wanted: Wanted) -> tuple[Notice, ...]:
        """Most of what people do is no news to anybody; whom to tell is looked up only where it is."""
        if not any(line.code.audience for line in wanted.entries):
            return ()
        return notices_of(wanted.instance, wanted.entries, address_book(self.desk.settings(), self.owners))
