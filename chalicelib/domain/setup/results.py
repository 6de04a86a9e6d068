"""What became of documents and their steps: kept in the record, so that people see what happened and what will."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What became of a step, in SSM's words.

    :param skipped: nothing was to be done: it had been done before
    """

    name: str
    status: str
    exit_code: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    skipped: bool = False

    @property
    def duration(self) -> timedelta | None:
        """None where it did not run."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True, kw_only=True)
class DocumentResult:
    """What became of a document.

    :param reboots: of the machine, that its steps asked for
    :param output_bytes: all that its steps said, as far as SSM keeps it
    :param recipe_hash: hash of what the recipe hands over; with the next two it vouches for what is on the disk
    :param parameters_hash: of what it was handed
    :param document_hash: SSM's hash of the document, so that an image knows which one ran
    """

    name: str
    succeeded: bool
    started_at: datetime
    ended_at: datetime
    recipe_hash: str
    steps: tuple[StepResult, ...] = ()
    reboots: int = 0
    output_bytes: int = 0
    parameters_hash: str | None = None
    document_hash: str | None = None

    @property
    def duration(self) -> timedelta:
        return self.ended_at - self.started_at


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a document failed, for a person.

    :param step: None where no step is known to have failed
    :param output_lines: of what it said, those that matter
    """

    document: str
    at: datetime
    step: str | None = None
    exit_code: int | None = None
    output_lines: tuple[str, ...] = ()
    remediation: str = ""


@dataclass(frozen=True)
class StepDurations:
    """How long each step of a document took when it last ran on an instance type, in their order."""

    document: str
    instance_type: str
    steps: tuple[tuple[str, timedelta], ...]

    @property
    def total(self) -> timedelta:
        return sum((took for _, took in self.steps), timedelta(0))
