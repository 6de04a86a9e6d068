"""Record of the tests that executed each line of the domain, and the selection of the tests of a mutant."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from coverage import CoverageData

from tools.mutation_check.mutations import Mutation

LinesOfTests = Mapping[Path, Mapping[int, Collection[str]]]
"""The tests that executed a line, by file and line number. A test is named by its node id."""


def read_lines_of_tests(data_file: Path, root: Path) -> LinesOfTests:
    """Read the tests that executed each line from a data file of coverage.

    Contexts of coverage are "NODE ID|PHASE", and "" for lines that ran at import.
    """
    data = CoverageData(str(data_file))
    data.read()
    return {
        Path(file).relative_to(root): {
            line: {context.rpartition("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


def select_tests(
    lines_of_tests: LinesOfTests, mutation: Mutation, root: Path, folders: Iterable[str]
) -> list[list[str]]:
    """Return the tests that executed a mutated line: one list per folder, in the order of `folders`."""
    mutated_source = (root / mutation.file).read_bytes()[mutation.start : mutation.end]
    lines = range(mutation.line, mutation.line + mutated_source.count(b"\n") + 1)
    by_line = lines_of_tests.get(mutation.file, {})
    tests = sorted({test for line in lines for test in by_line.get(line, ())})
    batches = [[test for test in tests if test.startswith(f"{folder}/")] for folder in folders]
    return [batch for batch in batches if batch]
