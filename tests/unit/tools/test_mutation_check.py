from collections import Counter
from pathlib import Path

import pytest

from tools.mutation_check.__main__ import main
from tools.mutation_check.mutations import Mutation, choose_mutations, find_mutations

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
