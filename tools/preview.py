"""Print what a sweep would do now, and change nothing: `make preview`, in the local cloud `make preview LOCAL=URL`.

The order is that of the sweep. Images in progress and what follows from the outcome of a call are left out.
In the local cloud, the preview follows the clock of the cloud, and has the settings of its gpudesk.
"""

import sys
from collections.abc import Iterable, Iterator

from chalicelib import bootstrap
from chalicelib.control.loop.dry_run import (
    Preview,
    PreviewedMode,
    PreviewedOrphan,
    PreviewedPlan,
    SilentRegion,
    preview_sweep,
)
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.untrusted_text import clean_output
from chalicelib.domain.desk.changes import EFFECTS
from chalicelib.domain.instances.plan import describe_plan
from chalicelib.store.instances.repository import UnreadableRecord
from local.output import end_quietly_if_closed
from tools.aws_account import exit_on_aws_errors, read_account_settings, read_clock


def main() -> None:
    """Print each instance that a sweep would change, and how many others it would leave as they are.

    :raises SystemExit: AWS cannot be used
    """
    with exit_on_aws_errors("make preview"):
        clock, settings = read_clock(), read_account_settings("make preview")
        application = bootstrap.build_application(clock, settings)
        lines = list(describe_sweep(preview_sweep(application.reconciler, application.sweep.adopter)))
    with end_quietly_if_closed(sys.stdout):
        sys.stdout.writelines(f"{clean_output(line)}\n" for line in lines)


def describe_sweep(previews: Iterable[Preview]) -> Iterator[str]:
    """Yield the lines about the previews of one sweep."""
    unchanged, undecided = 0, 0
    for preview in previews:
        match preview:
            case PreviewedMode(mode):
                yield f"The mode of gpudesk is {mode}: {EFFECTS[mode]}"
            case UnreadableRecord():
                undecided += 1
                yield f"Record {preview.id} cannot be read: {preview.error}"
            case SilentRegion():
                undecided += preview.instance_count
                yield f"{preview.name} {preview.cause.present}, so gpudesk decides nothing there: {preview.cause.error}"
            case PreviewedOrphan(_, ec2):
                yield f"{ec2.instance_id} ({ec2.instance_type}, {ec2.region}) has no record: gpudesk would adopt it."
            case PreviewedPlan() if preview.has_effect:
                yield describe_plan(preview.plan)
            case PreviewedPlan():
                unchanged += 1
    if undecided:
        yield f"gpudesk cannot decide about {pluralize(undecided, 'instance')}."
    yield f"gpudesk would leave {pluralize(unchanged, 'other instance')} unchanged. Images are not previewed."


if __name__ == "__main__":
    main()
