"""Text types with a fixed set of values, so that the API description lists the values.

In views they are plain `str`. `chalicelib.api.openapi` adds each to the schemas under its name.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import WithJsonSchema
from typing_extensions import TypeAliasType

from chalicelib.domain.access.actor import Role
from chalicelib.domain.benchmarks.result import Metric
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.foreign.adoption import AdoptionState
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.instances.commands.consequences import ConsequenceCode
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.launch_tries import TryResult
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.launch.market_choice import REQUESTED_MARKETS
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.domain.notifications.notification import DeliveryChannel, DeliveryState
from chalicelib.domain.offers.headroom import HeadroomKind
from chalicelib.domain.offers.left_out import LeftOutCode
from chalicelib.domain.offers.offer import PriceSource
from chalicelib.domain.offers.quota_request import QuotaRequestState
from chalicelib.domain.sessions.session import SessionKind
from chalicelib.domain.setup.parameters import ParameterType

MARKETS = REQUESTED_MARKETS
ADOPTION_STATES = (*AdoptionState, "adopted")
BENCHMARK_STATES = ("requested", "running")


def list_values(values: type[StrEnum] | Iterable[str], description: str) -> WithJsonSchema:
    """Return the schema of a text that has one of these values."""
    return WithJsonSchema({"type": "string", "enum": [str(value) for value in values], "description": description})


HealthStatusText = TypeAliasType(
    "HealthStatusText",
    Annotated[str, list_values(("ok", EventCode.SWEEP_OVERDUE), "ok, or why gpudesk does not work as it should.")],
)
PhaseText = TypeAliasType(
    "PhaseText", Annotated[str, list_values(Phase, "The phase of an instance, from the request to the end.")]
)
ConsequenceCodeText = TypeAliasType(
    "ConsequenceCodeText", Annotated[str, list_values(ConsequenceCode, "The code of a consequence of a request.")]
)
DesiredStateText = TypeAliasType(
    "DesiredStateText", Annotated[str, list_values(DesiredState, "The state that was requested.")]
)
Ec2StateText = TypeAliasType(
    "Ec2StateText", Annotated[str, list_values(Ec2State, "The state of the EC2 instance, as EC2 names it.")]
)
MarketText = TypeAliasType("MarketText", Annotated[str, list_values(MARKETS, "The market that was requested.")])
OfferMarketText = TypeAliasType("OfferMarketText", Annotated[str, list_values(Market, "How EC2 sells an instance.")])
TryResultText = TypeAliasType(
    "TryResultText", Annotated[str, list_values(TryResult, "What came of an offer that a launch has tried.")]
)
PriceSourceText = TypeAliasType(
    "PriceSourceText",
    Annotated[str, list_values(PriceSource, "Where gpudesk has a price from. A later version may add sources.")],
)
LeftOutCodeText = TypeAliasType(
    "LeftOutCodeText",
    Annotated[str, list_values(LeftOutCode, "Why something is not offered. A later version may add codes.")],
)
HeadroomKindText = TypeAliasType(
    "HeadroomKindText", Annotated[str, list_values(HeadroomKind, "Whether a quota leaves room for a launch.")]
)
QuotaRequestStateText = TypeAliasType(
    "QuotaRequestStateText",
    Annotated[str, list_values(QuotaRequestState, "The state of a request to increase a quota.")],
)
ImagePhaseText = TypeAliasType("ImagePhaseText", Annotated[str, list_values(ImagePhase, "The phase of an image.")])
MoveStepText = TypeAliasType("MoveStepText", Annotated[str, list_values(MoveStep, "The step of a move.")])
ActivityStateText = TypeAliasType(
    "ActivityStateText", Annotated[str, list_values(ActivityState, "The activity state of an instance.")]
)
SignalName = TypeAliasType("SignalName", Annotated[str, list_values(SIGNALS, "The name of a signal of activity.")])
SignalStateText = TypeAliasType(
    "SignalStateText", Annotated[str, list_values((state.value for state in SignalState), "The state of a signal.")]
)
EmailStateText = TypeAliasType(
    "EmailStateText", Annotated[str, list_values(EmailState, "Whether an e-mail address is confirmed.")]
)
WarningTypeText = TypeAliasType(
    "WarningTypeText", Annotated[str, list_values(WarningType, "The cause of a stop warning.")]
)
BenchmarkStateText = TypeAliasType(
    "BenchmarkStateText", Annotated[str, list_values(BENCHMARK_STATES, "The state of a benchmark in progress.")]
)
MetricText = TypeAliasType("MetricText", Annotated[str, list_values(Metric, "What a benchmark measures.")])
DeliveryStateText = TypeAliasType(
    "DeliveryStateText", Annotated[str, list_values(DeliveryState, "The state of a delivery.")]
)
DeliveryChannelText = TypeAliasType(
    "DeliveryChannelText",
    Annotated[str, list_values(DeliveryChannel, "The channel of a notification: whose address it is, and its kind.")],
)
ModeText = TypeAliasType("ModeText", Annotated[str, list_values(Mode, "What gpudesk may do on its own.")])
RoleText = TypeAliasType("RoleText", Annotated[str, list_values(Role, "The permission of a token.")])
SessionKindText = TypeAliasType("SessionKindText", Annotated[str, list_values(SessionKind, "The kind of a session.")])
ParameterTypeText = TypeAliasType(
    "ParameterTypeText", Annotated[str, list_values(ParameterType, "The type of a recipe parameter.")]
)
EventCodeText = TypeAliasType(
    "EventCodeText",
    Annotated[
        str,
        list_values(
            EventCode, "The code of a reason, a timeline entry or a notification. A later version may add codes."
        ),
    ],
)
WarningCodeText = TypeAliasType(
    "WarningCodeText",
    Annotated[
        str, list_values(WarningCode, "The code of a remark on a write that succeeded. A later version may add codes.")
    ],
)
ErrorCodeText = TypeAliasType(
    "ErrorCodeText", Annotated[str, list_values(ErrorCode, "The code of an error. A later version may add codes.")]
)
AdoptionStateText = TypeAliasType(
    "AdoptionStateText",
    Annotated[
        str,
        list_values(
            ADOPTION_STATES,
            "requested: gpudesk has not checked the instance yet. tagged: the next sweep creates its record. adopted: "
            "gpudesk manages it. refused: the message says why.",
        ),
    ],
)
