"""The desk's entrances: HTTP, the schedule, the table's stream, AWS's events. What they do is in chalicelib."""

import logging
import os

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate

from chalicelib import bootstrap, events
from chalicelib.api import openapi, problems

LOG = logging.getLogger("gpudesk")

PLACEHOLDER_STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/gpudesk-instances/stream/none"
"""For importing; the deployment's template puts the real one in its place."""

app = Chalice(app_name="gpudesk", configure_logs=False)
app.register_middleware(problems.problem_middleware, "http")
for router in openapi.ROUTERS:
    app.register_blueprint(router.blueprint(bootstrap.get_application))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> None:
    """Each minute: look at everything."""
    bootstrap.get_application().sweep.run()


@app.schedule(Rate(5, unit=Rate.MINUTES))
def check_sweep_health(_event: CloudWatchEvent) -> None:
    """Every five minutes, apart from the sweep: has it been?"""
    bootstrap.get_application().sweep_watchdog.check()


@app.on_dynamodb_record(stream_arn=os.environ.get("GPUDESK_STREAM_ARN", PLACEHOLDER_STREAM_ARN))
def on_instances_stream(event: DynamoDBEvent) -> None:
    """Somebody asked for something; one record's failure is not the others', and the sweep comes by anyway."""
    application = bootstrap.get_application()
    for record_id in events.parse_stream_record_ids(event.to_dict()):
        try:
            application.reconciler.reconcile(record_id)
            application.image_reconciler.reconcile_for_instance(record_id)
        except Exception:
            LOG.exception("%s could not be looked at; left to the sweep", record_id)


@app.on_cw_event(events.EC2_PATTERN)
def on_ec2_state_change(event: CloudWatchEvent) -> None:
    """EC2 says that an instance came to another state."""
    reconcile_ec2_instance(event)


@app.on_cw_event(events.COMMAND_PATTERN)
def on_ssm_command_change(event: CloudWatchEvent) -> None:
    """SSM says that a document came to its end on an instance."""
    reconcile_ec2_instance(event)


def reconcile_ec2_instance(event: CloudWatchEvent) -> None:
    """Whatever happened to it: what to do follows from what is."""
    machine_id = events.parse_ec2_instance_id(event.to_dict())
    if machine_id:
        bootstrap.get_application().reconciler.reconcile_ec2(machine_id)
