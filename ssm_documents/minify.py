"""Python source without what an instance does not need, for code that must fit into a document of 64 KB.

Left out are docstrings, comments, annotations, protocols, blank lines and unused imports. Local variables and the
private constants and functions of a module get short names. Names that other code may use stay: of public functions,
methods, parameters, classes and attributes. So a traceback from the instance shows the modules, the public functions
and the text of the lines, but not the line numbers of the repository.
"""

from __future__ import annotations

import ast
import functools
import itertools
import keyword
import re
import string
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TypeGuard

_DATACLASS_MARKS = ("ClassVar", "InitVar", "KW_ONLY")
"""Annotations that dataclasses read. They only need to know that other attributes have one."""


@functools.lru_cache(maxsize=256)
def minify(source: str) -> str:
    """Return a program that does the same. The same source gives the same text, with one version of Python.

    Results are remembered: a document contains 60 modules of the probe, and each template contains all documents.
    """
    tree = _Stripper().visit(ast.parse(source))
    for function in _find_innermost_functions(tree):
        _shorten_names(function)
    _remove_protocols(tree)
    _shorten_private_names(tree)
    _remove_unused_imports(tree)
    return _indent_with_tabs(ast.unparse(ast.fix_missing_locations(tree))) + "\n"


def _indent_with_tabs(source: str) -> str:
    """Return the text of `ast.unparse` with a tab for each level. It writes a text of several lines on one line."""
    return re.sub(r"^(?: {4})+", lambda match: "\t" * (len(match[0]) // 4), source, flags=re.MULTILINE)


class _Stripper(ast.NodeTransformer):
    """Transformation that removes docstrings and annotations."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Remove the docstrings of the module and of its constants."""
        return self._strip_body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Remove docstrings, and the types of attributes."""
        for attribute in node.body:
            if isinstance(attribute, ast.AnnAssign) and not any(
                mark in ast.unparse(attribute.annotation) for mark in _DATACLASS_MARKS
            ):
                attribute.annotation = ast.Constant(0)
        return self._strip_body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the docstring and the annotations."""
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        node.body = [_strip_annotation(statement) for statement in node.body]
        return self._strip_body(node)

    def _strip_body(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> ast.AST:
        node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]
        if isinstance(node, ast.Module):
            node.body = [_strip_annotation(statement) for statement in node.body]
        return self.generic_visit(node)


def _strip_annotation(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return ast.Assign([statement.target], statement.value)
    return statement


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _find_innermost_functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions without other scopes in them, except those of comprehensions."""
    scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and sum(isinstance(child, scopes) for child in ast.walk(node)) == 1:
            yield node


def _shorten_names(function: ast.FunctionDef) -> None:
    """Rename the local variables. Names that are not only in `Name` nodes stay."""
    uses = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    kept = set(_find_kept_names(function))
    taken = kept | {use.id for use in uses}
    stored = dict.fromkeys(use.id for use in uses if isinstance(use.ctx, ast.Store))
    free = (name for name in _generate_names() if name not in taken)
    short = {name: next(free) for name in stored if name not in kept and len(name) > 1}
    for use in uses:
        use.id = short.get(use.id, use.id)


def _shorten_private_names(tree: ast.Module) -> None:
    """Rename the private constants and functions of a module, which no other module may use."""
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    taken = {use.id for use in uses} | {function.name for function in functions}
    short = {
        **_choose_private_names(_list_constants(tree), str.upper, taken),
        **_choose_private_names((function.name for function in functions), str.lower, taken),
    }
    for use in uses:
        use.id = short.get(use.id, use.id)
    for function in functions:
        function.name = short.get(function.name, function.name)


def _list_constants(tree: ast.Module) -> Iterator[str]:
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return (target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper())


def _choose_private_names(
    names: Iterable[str], change_case: Callable[[str], str], taken: Container[str]
) -> Mapping[str, str]:
    """Return a short name for each private name that is longer."""
    free = (name for name in (f"_{change_case(letters)}" for letters in _generate_names()) if name not in taken)
    return {name: next(free) for name in dict.fromkeys(names) if name.startswith("_") and len(name) > 2}


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


def _generate_names() -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            name = "".join(letters)
            if not keyword.iskeyword(name):
                yield name


def _list_used_names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _remove_protocols(tree: ast.Module) -> None:
    """Remove the protocols that only annotations used."""
    used = _list_used_names(tree)
    tree.body = [node for node in tree.body if not (_is_protocol(node) and node.name not in used)]


def _is_protocol(node: ast.stmt) -> TypeGuard[ast.ClassDef]:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
    )


def _remove_unused_imports(tree: ast.Module) -> None:
    """Remove imports at the beginning of a module that only annotations used, and the one that is about annotations."""
    used = _list_used_names(tree)
    if any(
        isinstance(node, ast.AnnAssign) and not isinstance(node.annotation, ast.Constant) for node in ast.walk(tree)
    ):
        used.add("annotations")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and not node.names)]
