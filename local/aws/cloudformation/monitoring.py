"""CloudWatch alarms.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
"""

from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse

from local.aws.cloudformation.added_type import AddedType, Created, Place, Properties, call_operation


def _create_alarm(place: Place, name: str, properties: Properties) -> Created:
    parameters = {"ActionsEnabled": True, **properties, "AlarmName": name}
    call_operation(CloudWatchResponse, "put_metric_alarm", place, parameters)
    backend = cloudwatch_backends[place.account][place.region]
    arn = backend.alarms[name].alarm_arn
    return Created(name, lambda: backend.delete_alarms([name]), {"Arn": arn})


TYPES = (AddedType("AWS::CloudWatch::Alarm", _create_alarm, "AlarmName", frozenset({"Arn"})),)
