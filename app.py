"""The entry points of the deployed functions: HTTP, the schedules, the table's stream and the events of EC2 and SSM.

An import loads the libraries and little more. What a function needs besides is loaded and built when it is first used.
On Lambda, the import does that too (`prepare`), because only then a function has a whole CPU.
"""

# ruff: noqa: PLC0415

import logging
import os
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate

from chalicelib import events
from chalicelib.api import problems
from chalicelib.api.lazy_chalice import LazyChalice

if TYPE_CHECKING:
    from chalicelib.control.application import Application

LOG = logging.getLogger("gpudesk")

# Lambda's root logger passes on warnings only, and the log of decisions has the level INFO.
logging.getLogger("chalicelib").setLevel(logging.INFO)

PLACEHOLDER_STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/gpudesk-instances/stream/none"
"""Chalice requires an ARN. `deploy/home.py` replaces it in the template by that of the table's stream."""

API_HANDLER = "app.app"
"""The name of the API's handler in `_HANDLER`, which Lambda sets."""


def get_application() -> "Application":
    """Return gpudesk, which is built at the first call."""
    from chalicelib import bootstrap

    return bootstrap.get_application()


def get_current_application() -> "Application":
    """Return gpudesk for the API, with the catalog of the last refresh."""
    from chalicelib import bootstrap

    return bootstrap.get_current_application()


def get_loop_application() -> "Application":
    """Return gpudesk for the control loop, whose catalog is at most a minute older than that of the API."""
    from chalicelib import bootstrap
    from chalicelib.domain.common.deadlines import CATALOG_CHECKED_BY_LOOP_AFTER

    return bootstrap.get_current_application(CATALOG_CHECKED_BY_LOOP_AFTER)


def register_routes(chalice_app: Chalice) -> None:
    """Register the routes of the API. Those that open sessions use no catalog, and their role may not read it."""
    from chalicelib.api import openapi
    from chalicelib.api.sessions.routes import router as sessions_router

    for router in openapi.ROUTERS:
        get_app = get_application if router is sessions_router else get_current_application
        chalice_app.register_blueprint(router.build_blueprint(get_app))


app = LazyChalice("gpudesk", register_routes)
app.register_middleware(problems.problem_middleware, "http")


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    """Reconcile all instances and images, once a minute."""
    get_loop_application().sweep.run(read_seconds_left(event))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def deliver_notifications(event: CloudWatchEvent) -> None:
    """Deliver the due notifications, once a minute. A slow receiver takes no time from the sweep."""
    get_application().notifications.run(read_seconds_left(event))


@app.schedule(Rate(5, unit=Rate.MINUTES))
def check_sweep_health(_event: CloudWatchEvent) -> None:
    """Check every 5 minutes that the sweep completes."""
    get_application().sweep_watchdog.check()


@app.schedule(Rate(5, unit=Rate.MINUTES))
def refresh_offers(event: CloudWatchEvent) -> None:
    """Read the zones, prices and quotas of the regions that were read an hour ago.

    It is called every 5 minutes: a new deployment is read soon, and a region that failed is not missing for an hour.
    """
    get_loop_application().offer_refresher.run_due(read_seconds_left(event))


@app.schedule(Rate(5, unit=Rate.MINUTES))
def refresh_catalog(event: CloudWatchEvent) -> None:
    """Read the types, list prices and regions that were read a day ago. It is called every 5 minutes, too."""
    get_application().catalog_refresher.run(read_seconds_left(event))


@app.schedule(Rate(15, unit=Rate.MINUTES))
def check_budgets(_event: CloudWatchEvent) -> None:
    """Notify people of the use of monthly budgets, every 15 minutes."""
    get_application().budget_watch.check()


@app.schedule(Rate(5, unit=Rate.MINUTES))
def follow_quota_requests(event: CloudWatchEvent) -> None:
    """File the requests to increase quotas, and follow their state, every 5 minutes."""
    get_application().quota_request_follower.run(read_seconds_left(event))


@app.schedule(Rate(1, unit=Rate.DAYS))
def list_foreign_instances(event: CloudWatchEvent) -> None:
    """List the GPU instances of the account that gpudesk does not manage, once a day."""
    get_application().foreign_instance_lister.run(read_seconds_left(event))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tag_for_adoption(_event: CloudWatchEvent) -> None:
    """Give gpudesk's tags to the EC2 instances whose adoption an admin requested, once a minute."""
    get_application().adoption_tagger.run()


@app.on_dynamodb_record(stream_arn=PLACEHOLDER_STREAM_ARN)
def on_instances_stream(event: DynamoDBEvent) -> dict[str, Any]:
    """Reconcile the instances that people's requests have changed, and the images that are being created from them.

    A failure does not stop the other records of the batch. Lambda delivers the failed ones again some times, and the
    next sweep reconciles them as well.

    :returns: the failed records
    """
    application = get_loop_application()
    failed = []
    for change in events.parse_stream_changes(event.to_dict()):
        try:
            application.reconciler.reconcile(change.record_id)
            application.image_reconciler.reconcile_for_instance(change.record_id)
        except Exception:
            LOG.exception("%s could not be reconciled; Lambda and the next sweep try again", change.record_id)
            failed.append(change)
    return events.build_batch_response(failed)


@app.on_cw_event(events.EC2_PATTERN)
def on_ec2_state_change(event: CloudWatchEvent) -> None:
    """Reconcile the instance whose state changed in EC2."""
    reconcile_ec2_instance(event)


@app.on_cw_event(events.SPOT_PATTERN)
def on_spot_interruption(event: CloudWatchEvent) -> None:
    """Notify people that EC2 interrupts a spot instance, and stop it before EC2 does."""
    spot_event = events.parse_spot_event(event.to_dict())
    if spot_event:
        get_application().interruptions.handle(spot_event, read_seconds_left(event))


@app.on_cw_event(events.COMMAND_PATTERN)
def on_ssm_command_change(event: CloudWatchEvent) -> None:
    """Reconcile the instance on which SSM has completed a command."""
    reconcile_ec2_instance(event)


def read_seconds_left(event: CloudWatchEvent) -> float | None:
    """Return the time until Lambda ends this function; None outside Lambda."""
    context: Any = event.context
    return context.get_remaining_time_in_millis() / 1000 if context else None


def reconcile_ec2_instance(event: CloudWatchEvent) -> None:
    """Reconcile the instance named in an EC2 or SSM event."""
    ec2_instance_id = events.parse_ec2_instance_id(event.to_dict())
    if ec2_instance_id:
        get_loop_application().reconciler.reconcile_ec2(ec2_instance_id)


def prepare(handler: str | None) -> None:
    """Build gpudesk and load what a function of Lambda needs, at its start.

    Without settings, the function ends there. Otherwise every event would fail alone, those of the schedules unseen.

    :param handler: the name of the function's handler; None outside Lambda, where `app` is imported without settings
    :raises SystemExit: settings are missing or impossible. Its message, a sentence, gets into the log of the function
    """
    if handler is None:
        return
    from chalicelib.settings import InvalidSetting

    try:
        get_application()
    except InvalidSetting as error:
        raise SystemExit(str(error)) from error
    if handler == API_HANDLER:
        _ = app.routes


prepare(os.environ.get("_HANDLER"))
