"""Results of documents and their steps, and how long the steps took. They are part of the record of an instance."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """Result of a step.

    :param status: status that SSM returned
    :param skipped: the step had been done before, so it did nothing
    """

    name: str
    status: str
    exit_code: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    skipped: bool = False

    @property
    def duration(self) -> timedelta | None:
        """Duration of the step; None if it did not run."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True, kw_only=True)
class DocumentResult:
    """Result of a document. The three hashes are explained in `installed_documents`.

    :param reboots: number of reboots that its steps requested
    :param output_bytes: size of the output of all steps, as far as SSM returns it
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
        """Duration of the document."""
        return self.ended_at - self.started_at


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a document failed, for people.

    :param step: name of the failed step; None if no step is known to have failed
    :param output_lines: lines of the output that show the cause
    :param remediation: what to do
    """

    document: str
    at: datetime
    step: str | None = None
    exit_code: int | None = None
    output_lines: tuple[str, ...] = ()
    remediation: str = ""


@dataclass(frozen=True)
class StepDurations:
    """Durations of the steps of a document in its last run on an instance type, in the order of the steps."""

    document: str
    instance_type: str
    steps: tuple[tuple[str, timedelta], ...]

    @property
    def total(self) -> timedelta:
        """Sum of the durations."""
        return sum((duration for _, duration in self.steps), timedelta(0))
