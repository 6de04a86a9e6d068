"""Short names for the local variables of a Python program, for code that must fit into a document of 64 KB.

Names that other code may use stay: of functions, parameters, classes and attributes. So do names in f-strings, whose
positions Python 3.11 does not know. Every statement keeps its line.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import string
from collections.abc import Iterator


def shorten_names(source: str) -> str:
    """Return the program with short names of local variables."""
    lines = [line.encode() for line in source.splitlines()]
    names = [
        (node.lineno - 1, node.col_offset, node.id, short)
        for function in _find_innermost_functions(ast.parse(source))
        for node, short in _choose_names(function)
    ]
    for line, column, name, short in sorted(names, reverse=True):
        lines[line] = lines[line][:column] + short.encode() + lines[line][column + len(name.encode()) :]
    return b"\n".join(lines).decode() + "\n"


def _find_innermost_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the functions without other scopes in them, except those of comprehensions."""
    scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and sum(isinstance(child, scopes) for child in ast.walk(node)) == 1:
            yield node


def _choose_names(function: ast.FunctionDef) -> Iterator[tuple[ast.Name, str]]:
    """Yield each use of a local variable, and its short name."""
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    kept = set(_find_kept_names(function))
    taken = kept | {use.id for use in uses}
    stored = dict.fromkeys(use.id for use in uses if isinstance(use.ctx, ast.Store))
    free = (name for name in _generate_names() if name not in taken)
    short = {name: next(free) for name in stored if name not in kept and len(name) > 1}
    for use in uses:
        if use.id in short:
            yield use, short[use.id]


def _find_kept_names(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0]
            case ast.JoinedStr():
                yield from (child.id for child in ast.walk(node) if isinstance(child, ast.Name))


def _generate_names() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            name = "".join(letters)
            if not keyword.iskeyword(name):
                yield name
