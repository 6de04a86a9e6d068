"""Print what a sweep would do now, and change nothing: `make preview`, in the local cloud `make preview LOCAL=URL`.

In the local cloud, the preview follows the clock of the cloud, and has the settings of its gpudesk.
"""

import sys
from collections.abc import Iterable, Iterator

from chalicelib import bootstrap
from chalicelib.control.loop.dry_run import PreviewedPlan, preview_sweep
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.untrusted_text import clean_output
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
        lines = list(_describe_sweep(preview_sweep(application.reconciler)))
    with end_quietly_if_closed(sys.stdout):
        sys.stdout.writelines(f"{clean_output(line)}\n" for line in lines)


def _describe_sweep(previews: Iterable[PreviewedPlan | UnreadableRecord]) -> Iterator[str]:
    unchanged = 0
    for preview in previews:
        if isinstance(preview, UnreadableRecord):
            yield f"Record {preview.id} cannot be read: {preview.error}"
        elif preview.has_effect:
            yield describe_plan(preview.plan)
        else:
            unchanged += 1
    yield f"gpudesk would leave {pluralize(unchanged, 'other instance')} unchanged."


if __name__ == "__main__":
    main()
