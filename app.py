"""The desk's entrances: HTTP, the schedule, the table's stream, AWS's events. What they do is in chalicelib."""

import logging
import os

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate

from chalicelib import bootstrap, events
from chalicelib.api import benchmarks, desk, images, instances, openapi, owners, problems

LOG = logging.getLogger("gpudesk")

NO_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/gpudesk-instances/stream/none"
"""For importing; the deployment's template puts the real one in its place."""

app = Chalice(app_name="gpudesk", configure_logs=False)
app.register_middleware(problems.translate, "http")
for routes in (instances.routes, benchmarks.routes, images.routes, owners.routes, desk.routes, openapi.routes):
    app.register_blueprint(routes.blueprint(bootstrap.desk))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> None:
    """Each minute: look at everything."""
    bootstrap.desk().loop.sweep()


@app.schedule(Rate(5, unit=Rate.MINUTES))
def watch(_event: CloudWatchEvent) -> None:
    """Every five minutes, apart from the sweep: has it been?"""
    bootstrap.desk().loop.watch()


@app.on_dynamodb_record(stream_arn=os.environ.get("GPUDESK_STREAM_ARN", NO_STREAM))
def person_wrote(event: DynamoDBEvent) -> None:
    """Somebody asked for something; one record's failure is not the others', and the sweep comes by anyway."""
    for record_id in events.woken(event.to_dict()):
        try:
            bootstrap.desk().loop.reconcile(record_id)
        except Exception:
            LOG.exception("%s could not be looked at; left to the sweep", record_id)


@app.on_cw_event(events.EC2_PATTERN)
def machine_changed(event: CloudWatchEvent) -> None:
    """EC2 says that an instance came to another state."""
    look_at_machine(event)


@app.on_cw_event(events.COMMAND_PATTERN)
def command_changed(event: CloudWatchEvent) -> None:
    """SSM says that a document came to its end on an instance."""
    look_at_machine(event)


def look_at_machine(event: CloudWatchEvent) -> None:
    """Whatever happened to it: what to do follows from what is."""
    machine_id = events.machine(event.to_dict())
    if machine_id:
        bootstrap.desk().loop.reconcile_machine(machine_id)
