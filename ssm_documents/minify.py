"""Python source without docstrings, comments and annotations, for code that must fit into a document of 64 KB.

Every statement keeps its line, so a traceback names the line of the original file.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator


def minify(source: str) -> str:
    """Return the program without docstrings, comments and annotations. Every statement keeps its line.

    Annotations of class attributes stay, because dataclasses need them. Annotations over several lines stay, too.
    """
    return _strip_annotations(_strip_comments(_strip_docstrings(source)))


def _strip_docstrings(source: str) -> str:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            lines[first : last + 1] = [f"{lines[first][: node.col_offset]}''", *[""] * (last - first)]
    return "\n".join(lines)


def _strip_comments(source: str) -> str:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines) + "\n"


def _strip_annotations(source: str) -> str:
    text = source.encode()
    line_starts = [0]
    for line in text.splitlines(keepends=True):
        line_starts.append(line_starts[-1] + len(line))

    def offset(line: int, column: int) -> int:
        return line_starts[line - 1] + column

    for start, end in sorted(_find_annotation_spans(ast.parse(source), text, offset), reverse=True):
        if b"\n" not in text[start:end]:
            text = text[:start] + text[end:]
    return text.decode()


def _find_annotation_spans(
    tree: ast.Module, text: bytes, offset: Callable[[int, int], int]
) -> Iterator[tuple[int, int]]:
    """Yield where each annotation starts and ends, its colon or arrow included.

    :param offset: returns the byte offset of a line and column
    """

    def end_of(node: ast.expr) -> int:
        return offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    class_attribute_ids = {
        id(child) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body
    }
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                yield offset(node.lineno, node.col_offset) + len(name.encode()), end_of(annotation)
            case ast.FunctionDef(returns=ast.expr() as returns):
                yield text.rindex(b" ->", 0, offset(returns.lineno, returns.col_offset)), end_of(returns)
            case ast.AnnAssign(target=target, annotation=annotation, value=ast.expr()) if (
                id(node) not in class_attribute_ids
            ):
                yield end_of(target), end_of(annotation)
