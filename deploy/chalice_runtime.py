"""The modules of Chalice that run in Lambda: `chalice.app` and what it imports. All others are its command line."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "chalice"
ENTRY = "chalice.app"


def find_runtime_modules(folder: Path) -> set[str]:
    """Return the files of `chalice.app` and of all that it imports from Chalice, relative to `folder`.

    :param folder: where the package `chalice` is installed
    """
    found: set[str] = set()
    waiting = [PACKAGE, ENTRY]
    while waiting:
        file = _find_file(folder, waiting.pop())
        if file is None or (name := file.relative_to(folder).as_posix()) in found:
            continue
        found.add(name)
        waiting += _list_imports(ast.parse(file.read_bytes()))
    return found


def _find_file(folder: Path, module: str) -> Path | None:
    """Return the file of a module; None for a name that is no module, such as that of a class."""
    path = folder.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _list_imports(node: ast.AST) -> Iterator[str]:
    """Return the modules of Chalice that code imports at run time, also inside functions."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            nodes: list[ast.stmt] = node.orelse
            for each in nodes:
                yield from _list_imports(each)
            return
        case ast.Import():
            names = [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        case _:
            names = []
    yield from (name for name in names if name.partition(".")[0] == PACKAGE)
    for child in ast.iter_child_nodes(node):
        yield from _list_imports(child)
