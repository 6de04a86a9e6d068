"""The webhooks in the API description: what gpudesk sends to the webhooks of owners and admins."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import EventCodeText
from chalicelib.api.openapi_schemas import JSON, add_schema


class WebhookInstance(TypedDict):
    """The instance that a notification is about; its id is `desk` if it is about gpudesk itself."""

    id: str
    name: str
    owner: str


class SuggestedRequest(TypedDict):
    """A request to this API that the message suggests, for a button of a chat bot."""

    method: str
    path: str
    body: dict[str, Any]


class WebhookData(TypedDict):
    """The content of a notification. `stop_at`: when gpudesk stops the instance. The others are suggested requests."""

    id: str
    instance: WebhookInstance
    message: str
    stop_at: NotRequired[str]
    keep: NotRequired[SuggestedRequest]
    start: NotRequired[SuggestedRequest]
    setup: NotRequired[SuggestedRequest]
    connect: NotRequired[SuggestedRequest]
    delete_image: NotRequired[SuggestedRequest]


class WebhookMessage(TypedDict):
    """A notification as a webhook receives it. `type` is its event code."""

    type: EventCodeText
    timestamp: str
    data: WebhookData


def describe_webhooks(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the message that gpudesk sends to the webhooks of owners and admins."""
    content = {JSON: {"schema": add_schema(WebhookMessage, schemas)}}
    return {
        "notification": {
            "post": {
                "operationId": "receive_notification",
                "summary": "Receive a notification.",
                "description": (
                    "gpudesk sends each notification to the webhook of the owner, of the admins, or of both. The "
                    "message is signed as in https://www.standardwebhooks.com with the webhook_secret that the request "
                    "for the webhook returned. A failed delivery is repeated for hours, so a message can arrive twice: "
                    "webhook-id is the same."
                ),
                "security": [],
                "parameters": [
                    _describe_header("webhook-id", "The id of the notification."),
                    _describe_header("webhook-timestamp", "The time of this attempt, in seconds since 1970."),
                    _describe_header("webhook-signature", "v1, and the base64 of the HMAC-SHA256."),
                ],
                "requestBody": {"content": content, "required": True},
                "responses": {
                    "2XX": {"description": "The message is accepted. gpudesk repeats it after other answers."}
                },
            }
        }
    }


def _describe_header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": description}
