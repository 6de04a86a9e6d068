import sys
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from coverage import CoverageData

from tools.mutation_check.__main__ import main
from tools.mutation_check.coverage_record import read_lines_of_tests, select_tests
from tools.mutation_check.mutations import (
    Mutation,
    choose_mutations,
    find_mutations,
    group_by_different_files,
    mutated,
)
from tools.mutation_check.search import MAX_FAILURES, find_failing_test, find_failing_tests_together
from tools.mutation_check.suite import Outcome, Suite, count_tests

SOURCE = """
def decide(a, b):
    if a:
        return 1
    if b:
        a = 2
    elif a > 1:
        return 3
    return a == b


def select(items):
    return [item for item in items if item]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("first", "second", "third"):
        file = tmp_path / "chalicelib" / "domain" / name / "module.py"
        file.parent.mkdir(parents=True)
        file.write_text(SOURCE, encoding="utf-8")
    return tmp_path


def apply_mutation(checkout: Path, mutation: Mutation) -> str:
    source = (checkout / mutation.file).read_text(encoding="utf-8")
    return source[: mutation.start] + mutation.replacement + source[mutation.end :]


def test_conditions_are_inverted_and_guards_deleted(checkout: Path) -> None:
    mutations = [each for each in find_mutations(checkout) if each.file.parent.name == "first"]
    assert [(each.line, each.description) for each in mutations] == [
        (3, "delete: if a: ..."),
        (3, "invert: a"),
        (5, "invert: b"),
        (7, "invert: a > 1"),
        (9, "invert: a == b"),
        (13, "invert: item"),
    ]
    inverted = apply_mutation(checkout, mutations[4])
    assert inverted == SOURCE.replace("return a == b", "return (not (a == b))")
    assert apply_mutation(checkout, mutations[0]) == SOURCE.replace("if a:\n        return 1", "pass")


def test_every_mutant_is_valid_python(checkout: Path) -> None:
    for mutation in find_mutations(checkout):
        compile(apply_mutation(checkout, mutation), "mutant", "exec")


def test_choice_is_spread_evenly_over_the_modules(checkout: Path) -> None:
    chosen = choose_mutations(find_mutations(checkout), 7, seed=1)
    assert sorted(Counter(mutation.file for mutation in chosen).values()) == [2, 2, 3]
    assert len(set(chosen)) == 7


def test_choice_depends_only_on_the_seed(checkout: Path) -> None:
    mutations = find_mutations(checkout)
    choices = [choose_mutations(mutations, 5, seed) for seed in (1, 1, 2)]
    assert choices[0] == choices[1] != choices[2]


def test_count_above_the_number_of_mutations_gives_all_of_them(checkout: Path) -> None:
    mutations = find_mutations(checkout)
    assert sorted(choose_mutations(mutations, 1000, seed=1)) == mutations


def test_list_prints_the_choice_without_running_tests(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    assert main(["--list", "--count", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("chalicelib/domain/") for line in lines)


FIRST, SECOND, THIRD = (Path(f"chalicelib/domain/{name}/module.py") for name in ("first", "second", "third"))


def find_mutation(checkout: Path, file: Path, description: str) -> Mutation:
    return next(each for each in find_mutations(checkout) if (each.file, each.description) == (file, description))


class FakeSuite(Suite):
    """A suite whose tests are functions of the sources: a test passes if its function returns True."""

    def __init__(self, root: Path, tests: dict[str, Callable[[], bool]]) -> None:
        super().__init__(root, root)
        self.tests = tests
        self.runs: list[list[str]] = []

    def run(self, tests: Collection[str], *, max_failures: int = 1) -> Outcome:
        self.runs.append(list(tests))
        chosen = [name for test in tests for name in self.tests if name.startswith(test) and name not in self.ignored]
        failing = [name for name in chosen if not self.tests[name]()]
        return Outcome(not failing, frozenset(failing[:max_failures]))

    def is_original(self, file: Path) -> Callable[[], bool]:
        return lambda: (self.root / file).read_text(encoding="utf-8") == SOURCE


def test_mutants_are_written_and_the_sources_restored(checkout: Path) -> None:
    mutations = [find_mutation(checkout, file, "invert: b") for file in (FIRST, SECOND)]
    with mutated(checkout, *mutations):
        mutants = {(checkout / file).read_text(encoding="utf-8") for file in (FIRST, SECOND)}
    assert mutants == {SOURCE.replace("if b:", "if (not (b)):")}
    assert {(checkout / file).read_text(encoding="utf-8") for file in (FIRST, SECOND)} == {SOURCE}


def test_record_names_the_tests_of_a_line_and_not_the_import(tmp_path: Path) -> None:
    data_file = tmp_path / "coverage"
    data = CoverageData(str(data_file))
    for context, lines in {
        "": [1, 2],
        "tests/unit/test_a.py::test_a[x|y]|run": [2, 3],
        "tests/unit/test_a.py::test_a[x|y]|setup": [3],
        "tests/api/test_b.py::test_b|run": [3],
    }.items():
        data.set_context(context)
        data.add_lines({str(tmp_path / FIRST): lines})
    data.write()
    assert read_lines_of_tests(data_file, tmp_path) == {
        FIRST: {
            1: set(),
            2: {"tests/unit/test_a.py::test_a[x|y]"},
            3: {"tests/unit/test_a.py::test_a[x|y]", "tests/api/test_b.py::test_b"},
        }
    }


def test_tests_of_the_mutated_line_are_selected_by_folder(checkout: Path) -> None:
    mutation = find_mutation(checkout, FIRST, "invert: b")
    tests = ["tests/unit/test_b.py::test_b", "tests/api/test_c.py::test_c", "tests/unit/test_a.py::test_a"]
    lines_of_tests = {FIRST: {4: ["tests/unit/test_d.py::test_d"], 5: tests}, SECOND: {5: ["tests/unit/test_e.py::e"]}}
    assert select_tests(lines_of_tests, mutation, checkout, ["tests/unit", "tests/property", "tests/api"]) == [
        ["tests/unit/test_a.py::test_a", "tests/unit/test_b.py::test_b"],
        ["tests/api/test_c.py::test_c"],
    ]


def test_tests_of_every_line_of_a_mutation_are_selected(checkout: Path) -> None:
    mutation = find_mutation(checkout, FIRST, "delete: if a: ...")
    lines_of_tests = {FIRST: {line: [f"tests/unit/test_a.py::test_{line}"] for line in range(1, 10)}}
    assert select_tests(lines_of_tests, mutation, checkout, ["tests/unit"]) == [
        ["tests/unit/test_a.py::test_3", "tests/unit/test_a.py::test_4"]
    ]


def test_no_test_is_selected_for_a_line_that_none_executed(checkout: Path) -> None:
    assert select_tests({}, find_mutation(checkout, FIRST, "invert: b"), checkout, ["tests/unit"]) == []


def test_first_failing_batch_ends_the_run_of_a_mutant(checkout: Path) -> None:
    suite = FakeSuite(checkout, {})
    suite.tests = {
        "tests/unit/test_a.py::test_a": lambda: True,
        "tests/api/test_b.py::test_b": suite.is_original(FIRST),
    }
    batches = [["tests/unit/test_a.py::test_a"], ["tests/api/test_b.py::test_b"], ["tests/scenario"]]
    mutation = find_mutation(checkout, FIRST, "invert: b")
    assert find_failing_test(suite, mutation, batches) == "tests/api/test_b.py::test_b"
    assert suite.runs == [*batches[:2], ["tests/api/test_b.py::test_b"]]
    assert find_failing_test(suite, mutation, batches[:1]) is None


@pytest.mark.parametrize(("passes_without_mutant", "found"), [(True, "tests/unit"), (False, None)])
def test_run_that_ends_early_counts_only_if_it_passes_without_the_mutant(
    checkout: Path, passes_without_mutant: bool, found: str | None
) -> None:
    class SuiteThatEndsEarly(FakeSuite):
        def run(self, tests: Collection[str], *, max_failures: int = 1) -> Outcome:
            return Outcome(passes_without_mutant and self.is_original(FIRST)())

    mutation = find_mutation(checkout, FIRST, "invert: b")
    assert find_failing_test(SuiteThatEndsEarly(checkout, {}), mutation, [["tests/unit/test_a.py::test_a"]]) == found


def test_selected_test_that_fails_without_the_mutant_is_not_counted(checkout: Path) -> None:
    suite = FakeSuite(checkout, {"tests/unit/test_a.py::test_a": lambda: False})
    assert find_failing_test(suite, find_mutation(checkout, FIRST, "invert: b"), [list(suite.tests)]) is None


def test_failing_test_is_attributed_to_its_mutant_among_several(checkout: Path) -> None:
    suite = FakeSuite(checkout, {})
    suite.tests = {
        "tests/unit/test_a.py::test_a": suite.is_original(FIRST),
        "tests/e2e/test_b.py::test_b": suite.is_original(SECOND),
    }
    first, second, third = (find_mutation(checkout, file, "invert: b") for file in (FIRST, SECOND, THIRD))
    assert find_failing_tests_together(suite, [first, second, third], ["tests/unit", "tests/e2e"]) == {
        first: "tests/unit/test_a.py::test_a",
        second: "tests/e2e/test_b.py::test_b",
    }


def test_folder_runs_again_only_if_not_all_of_its_tests_have_run(checkout: Path) -> None:
    suite = FakeSuite(checkout, {})
    suite.tests = {"tests/unit/test_a.py::test_a": suite.is_original(FIRST)}
    mutations = [find_mutation(checkout, file, "invert: b") for file in (FIRST, SECOND)]
    find_failing_tests_together(suite, mutations, ["tests/unit"])
    assert suite.runs.count(["tests/unit"]) == 1
    suite.tests = {f"tests/unit/test_a.py::test_{number}": suite.is_original(FIRST) for number in range(MAX_FAILURES)}
    suite.tests["tests/unit/test_b.py::test_b"] = suite.is_original(SECOND)
    assert len(find_failing_tests_together(suite, mutations, ["tests/unit"])) == 2
    assert suite.runs.count(["tests/unit"]) == 3


@pytest.mark.parametrize(
    ("failing", "has_run_all"),
    [((), False), (("a.py::test_a",), True), (("a.py::test_a", "b.py"), False), (("a.py::test_a", "a.py::b"), False)],
)
def test_pytest_has_run_all_tests_if_few_failed_and_all_files_were_imported(
    failing: tuple[str, ...], has_run_all: bool
) -> None:
    assert Outcome(passed=False, failing=frozenset(failing)).has_run_all(2) is has_run_all


def test_test_that_fails_without_a_mutant_or_only_once_is_not_counted(checkout: Path) -> None:
    results = iter([False, *[True] * 9])
    suite = FakeSuite(
        checkout,
        {"tests/e2e/test_a.py::test_broken": lambda: False, "tests/local/test_b.py::test_slow": lambda: next(results)},
    )
    mutation = find_mutation(checkout, FIRST, "invert: b")
    assert find_failing_tests_together(suite, [mutation], ["tests/local", "tests/e2e"]) == {}
    assert suite.ignored == set(suite.tests)


def test_group_has_one_mutation_per_file(checkout: Path) -> None:
    mutations = find_mutations(checkout)
    groups = group_by_different_files(mutations)
    assert sorted(mutation for group in groups for mutation in group) == mutations
    assert [len(group) for group in groups] == [3] * 6
    assert all(len({mutation.file for mutation in group}) == len(group) for group in groups)


@pytest.mark.slow
def test_tests_of_a_project_are_recorded_and_run(tmp_path: Path) -> None:
    for name, text in {
        "chalicelib/domain/module.py": "def decide(value):\n    return value > 1\n",
        "tests/unit/test_a.py": "from chalicelib.domain.module import decide\n\ndef test_a():\n    assert decide(2)\n",
        "tests/e2e/test_b.py": (
            "import subprocess, sys\n\ndef test_b():\n"
            "    code = 'from chalicelib.domain.module import decide; assert decide(2)'\n"
            "    subprocess.run([sys.executable, '-c', code], check=True)\n"
        ),
    }.items():
        (tmp_path / "0" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "0" / name).write_text(text, encoding="utf-8")
    (tmp_path / "0" / ".venv").symlink_to(Path(".venv").resolve())
    suite = Suite(tmp_path / "0", tmp_path)
    mutation = find_mutation(suite.root, Path("chalicelib/domain/module.py"), "invert: value > 1")
    batches = select_tests(suite.record(["tests/unit"]), mutation, suite.root, ["tests/unit"])
    assert batches == [["tests/unit/test_a.py::test_a"]]
    assert find_failing_test(suite, mutation, batches) == "tests/unit/test_a.py::test_a"
    assert find_failing_tests_together(suite, [mutation], ["tests/e2e"]) == {mutation: "tests/e2e/test_b.py::test_b"}


def test_tests_of_each_folder_are_counted_whatever_options_the_project_sets(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -q\n", encoding="utf-8")
    for folder, tests in {"tests/unit": 2, "tests/api": 1}.items():
        (tmp_path / folder).mkdir(parents=True)
        source = "".join(f"def test_{number}(): pass\n" for number in range(tests))
        (tmp_path / folder / f"test_{folder[6:]}.py").write_text(source, encoding="utf-8")
    assert count_tests(Suite(tmp_path, tmp_path), ["tests/unit", "tests/api"]) == {"tests/unit": 2, "tests/api": 1}


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_count_that_is_not_positive_is_rejected(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--count", count])
    assert f"COUNT must be a whole number, 1 or more, not '{count}'" in capsys.readouterr().err
