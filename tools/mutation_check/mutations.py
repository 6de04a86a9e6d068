"""Mutations: the decisions of the domain that can be changed, and a random choice of them."""

import ast
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TARGET = Path("chalicelib/domain")


@dataclass(frozen=True, order=True)
class Mutation:
    """Change of one decision: `replacement` replaces the source between the byte offsets `start` and `end`."""

    file: Path
    line: int
    start: int
    end: int
    replacement: str
    description: str

    def __str__(self) -> str:
        """Return the mutation as it is printed."""
        return f"{self.file}:{self.line}: {self.description}"


def find_mutations(root: Path) -> list[Mutation]:
    """Return every decision of the domain that can be inverted or deleted, in a stable order."""
    files = sorted((root / TARGET).rglob("*.py"))
    return sorted(mutation for file in files for mutation in _find_file_mutations(file, file.relative_to(root)))


def choose_mutations(mutations: Sequence[Mutation], count: int, seed: int) -> list[Mutation]:
    """Choose `count` mutations at random, spread evenly over the modules."""
    generator = random.Random(seed)  # noqa: S311 - a reproducible sample, no secret
    by_file: dict[Path, list[Mutation]] = defaultdict(list)
    for mutation in mutations:
        by_file[mutation.file].append(mutation)
    for candidates in by_file.values():
        generator.shuffle(candidates)
    files = sorted(by_file)
    generator.shuffle(files)
    chosen: list[Mutation] = []
    while len(chosen) < min(count, len(mutations)):
        for file in files:
            if by_file[file] and len(chosen) < count:
                chosen.append(by_file[file].pop())
    return chosen


def _find_file_mutations(file: Path, name: Path) -> Iterator[Mutation]:
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def find_span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return starts[node.lineno - 1] + node.col_offset, starts[end_line - 1] + end_column

    for condition in _list_conditions(ast.parse(source)):
        start, end = find_span(condition)
        text = source[start:end].decode()
        yield Mutation(name, condition.lineno, start, end, f"(not ({text}))", f"invert: {' '.join(text.split())}")
    for guard in _list_guards(ast.parse(source)):
        start, end = find_span(guard)
        yield Mutation(name, guard.lineno, start, end, "pass", f"delete: if {ast.unparse(guard.test)}: ...")


def _list_conditions(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.match_case) and node.guard:
            yield node.guard
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp):
            yield node.value


def _list_guards(tree: ast.Module) -> Iterator[ast.If]:
    ifs = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    elifs = {id(node.orelse[0]) for node in ifs if len(node.orelse) == 1}
    for node in ifs:
        if node.orelse or id(node) in elifs:
            continue
        if isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue):
            yield node


def group_by_different_files(mutations: Iterable[Mutation]) -> list[list[Mutation]]:
    """Divide mutations into groups with at most one mutation per file."""
    groups: list[list[Mutation]] = []
    for mutation in mutations:
        fitting = (group for group in groups if all(other.file != mutation.file for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append([mutation])
        else:
            group.append(mutation)
    return groups


@contextmanager
def mutated(root: Path, *mutations: Mutation) -> Iterator[None]:
    """Write mutants of different files into `root`, and the original sources when the block ends."""
    sources = {root / mutation.file: (root / mutation.file).read_bytes() for mutation in mutations}
    try:
        for mutation in mutations:
            source = sources[root / mutation.file]
            mutant = source[: mutation.start] + mutation.replacement.encode() + source[mutation.end :]
            (root / mutation.file).write_bytes(mutant)
        yield
    finally:
        for file, source in sources.items():
            file.write_bytes(source)
