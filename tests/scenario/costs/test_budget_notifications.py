"""Scenario tests of budgets: people are notified once at 80 % and once at 100 % of a month."""

import json
from datetime import timedelta
from decimal import Decimal

from tests.support.channels import add_admin_webhook, add_webhook
from tests.support.world import ADMIN, World


def test_owner_and_admins_are_notified_once_at_each_threshold(desk: World) -> None:
    box = add_webhook(desk)
    add_admin_webhook(desk)
    watch = desk.application.budget_watch
    desk.application.owners.update(ADMIN, "ada", {"monthly_budget": Decimal("1.20")})
    desk.application.desk.update(ADMIN, project_budgets={"vision": Decimal("1.50")})
    desk.launch_until_ready(instance_type="g4dn.xlarge", region="us-east-1", max_hours=2, project="vision")
    assert watch.check() == 0
    desk.clock.advance(timedelta(minutes=110))
    assert watch.check() == 1
    assert watch.check() == 0
    desk.clock.advance(timedelta(minutes=30))
    assert watch.check() == 2
    desk.application.notifications.run()
    assert sorted(box.list_types()) == ["budget_nearly_spent"] * 4 + ["budget_spent"] * 2
    messages = [json.loads(body)["data"]["message"] for _, body in box.messages]
    assert sum("The monthly budget of project vision is $1.50" in message for message in messages) == 2
