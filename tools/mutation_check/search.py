"""Search for a test that fails for each mutant: first the tests that executed it, then all folders."""

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tools.mutation_check.coverage_record import LinesOfTests, select_tests
from tools.mutation_check.mutations import Mutation, group_by_different_files, mutated
from tools.mutation_check.output import describe_result, get_folder, print_line
from tools.mutation_check.suite import Suite

PARALLEL_MUTANTS = 2
"""Number of mutants whose tests run at the same time."""

MAX_FAILURES = 20
"""Number of failures after which the tests of several mutants stop."""


def find_survivors(
    suite: Suite, mutations: Sequence[Mutation], recorded: Sequence[str], others: Sequence[str]
) -> list[Mutation]:
    """Run the tests against each mutant, print a line per mutant, and return the survivors."""
    started = time.monotonic()
    lines_of_tests = suite.record(recorded)
    count = len({test for lines in lines_of_tests.values() for tests in lines.values() for test in tests})
    print_line(f"{time.monotonic() - started:5.0f} s: recorded {count} tests that execute the domain.")
    survivors = run_selected_tests(suite.copies(PARALLEL_MUTANTS), mutations, lines_of_tests, recorded)
    print_line(f"{time.monotonic() - started:5.0f} s: {len(survivors)} mutants survived the selected tests.")
    failing_tests: dict[Mutation, str] = {}
    for group in group_by_different_files(survivors):
        failing_tests |= find_failing_tests_together(suite, group, [*recorded, *others])
    for mutation in survivors:
        print_line(describe_result(mutation, failing_tests.get(mutation)))
    print_line(f"{time.monotonic() - started:5.0f} s: all tests have run.")
    return [mutation for mutation in survivors if mutation not in failing_tests]


def run_selected_tests(
    suites: Iterable[Suite], mutations: Sequence[Mutation], lines_of_tests: LinesOfTests, folders: Sequence[str]
) -> list[Mutation]:
    """Run against each mutant the tests that executed a mutated line, and return the survivors.

    :param suites: copies of the checkout; each runs one mutant at a time
    """
    free = SimpleQueue[Suite]()
    for suite in suites:
        free.put(suite)

    def find(mutation: Mutation) -> str | None:
        suite = free.get()
        try:
            batches = select_tests(lines_of_tests, mutation, suite.root, folders)
            test = find_failing_test(suite, mutation, batches)
        finally:
            free.put(suite)
        print_line(describe_result(mutation, test) if test else f"No selected test fails: {mutation}")
        return test

    with ThreadPoolExecutor(free.qsize()) as executor:
        failing_tests = list(executor.map(find, mutations))
    return [mutation for mutation, test in zip(mutations, failing_tests, strict=True) if test is None]


def find_failing_test(suite: Suite, mutation: Mutation, batches: Iterable[Collection[str]]) -> str | None:
    """Run batches of recorded tests against a mutant until one fails that passes without it.

    :returns: the node id of the failing test, or its folder if pytest failed or hung before it could name a test; None:
        all tests passed
    """
    for batch in batches:
        with mutated(suite.root, mutation):
            outcome = suite.run(batch)
        if outcome.passed:
            continue
        if suite.run(sorted(outcome.failing) or batch).passed:
            return min(outcome.failing, default=get_folder(min(batch)))
        # The rest of the batch runs in step 3.
        print_line(f"Not counted, because it fails without the mutant: {min(outcome.failing, default=min(batch))}")
    return None


def find_failing_tests_together(
    suite: Suite, mutations: Iterable[Mutation], folders: Iterable[str]
) -> dict[Mutation, str]:
    """Run whole folders against mutants of different files at once, and failing tests against each mutant alone.

    :returns: the node id of a failing test for each mutant that has one
    """
    alive = list(mutations)
    failing_tests: dict[Mutation, str] = {}
    for folder in folders:
        while alive:
            with mutated(suite.root, *alive):
                outcome = suite.run([folder], max_failures=MAX_FAILURES)
            if outcome.passed:
                break
            found = _find_killed_mutants(suite, alive, outcome.failing or frozenset([folder]))
            failing_tests |= found
            alive = [mutation for mutation in alive if mutation not in found]
            if outcome.has_run_all(MAX_FAILURES):
                break
    return failing_tests


def _find_killed_mutants(suite: Suite, mutations: Iterable[Mutation], failing: frozenset[str]) -> dict[Mutation, str]:
    """Return a failing test for each mutant that makes one of `failing` fail. Ignore tests that no mutant explains."""
    outcome = suite.run(sorted(failing), max_failures=len(failing))
    unexplained = set(failing)
    candidates = failing - (outcome.failing or failing if not outcome.passed else frozenset())
    found = {}
    for mutation in mutations if candidates else ():
        with mutated(suite.root, mutation):
            outcome = suite.run(sorted(candidates), max_failures=len(candidates))
        if not outcome.passed:
            tests = outcome.failing or candidates
            found[mutation] = min(tests)
            unexplained -= tests
    if not found:
        suite.ignored |= unexplained
        for test in sorted(unexplained):
            print_line(f"Not counted, because it fails without a mutant or only sometimes: {test}")
    return found
