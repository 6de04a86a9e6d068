"""Retired words of `docs/glossary.md` must not occur in names, texts or docs of the product."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from chalicelib.api.openapi import build_openapi

ALLOWED = ("If you wish to stop receiving",)
"""Sentence of AWS that the local cloud repeats."""

RETIRED = (
    "wish",
    "errand",
    "heard",
    "told",
    "vouch",
    "gallery",
    "orphanage",
    "postman",
    "parcel",
    "doubt",
    "baked",
    "unseal",
)
RETIRED_IN_NAMES = (*RETIRED, "ask", "greet", "alone", "seal", "orders", "notice", "sentence", "beat")

PRODUCT = ("app.py", "benchmarks", "chalicelib", "deploy", "examples", "local", "ssm_documents", "tools")
DOCS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs")
SUFFIXES = {".py", ".sh", ".json", ".md"}
GLOSSARY = Path("docs/glossary.md")

NO_SUBJECT = re.compile(r'^\s*"""(What|Whether|Where|Of|Who|As|That|Until|Nothing|Nobody|For|The same)\b')
"""The beginning of a docstring that names neither an object nor an action."""

TEXT = re.compile(rf"\b({'|'.join(RETIRED)})(s|es|ed|d|ing)?\b", re.IGNORECASE)
NAME = re.compile("|".join(f"{word}(?![a-z])|{word.title()}(?![a-z])|{word.upper()}" for word in RETIRED_IN_NAMES))


def list_files(paths: tuple[str, ...]) -> Iterator[Path]:
    for place in map(Path, paths):
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (file for file in found if file.suffix in SUFFIXES and file != GLOSSARY)


def has_any(text: str, words: tuple[str, ...]) -> bool:
    """Return whether a word occurs in a text, also as a part of another one. It is much faster than an expression."""
    text = text.lower()
    return any(word in text for word in words)


def split_words(name: str) -> set[str]:
    """Return the words of a name: last and heartbeat for `last_heartbeat` and `LastHeartbeat`."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def list_names(file: Path) -> Iterator[str]:
    """Yield the names of a file. Only a file whose text has one of the words is parsed, which takes the time."""
    yield from file.with_suffix("").parts
    text = file.read_text(encoding="utf-8")
    if not has_any(text, RETIRED_IN_NAMES) or not NAME.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Name(id=name):
                yield name
            case ast.Attribute(attr=name, value=ast.Name(id="self")):
                yield name


def test_no_text_has_a_retired_word() -> None:
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in list_files(PRODUCT + DOCS)
        if has_any(text := file.read_text(encoding="utf-8"), RETIRED)
        for number, line in enumerate(text.splitlines(), 1)
        if TEXT.search(line) and not any(text in line for text in ALLOWED)
    ]
    assert found == []


def test_no_name_has_a_retired_word() -> None:
    found = {
        f"{file}: {name}"
        for file in list_files((*PRODUCT, "tests"))
        if file.suffix == ".py"
        for name in list_names(file)
        if split_words(name) & set(RETIRED_IN_NAMES)
    }
    assert sorted(found) == []


def test_api_description_has_no_retired_word() -> None:
    assert TEXT.findall(str(build_openapi())) == []


def test_glossary_lists_the_retired_words() -> None:
    listed = GLOSSARY.read_text(encoding="utf-8").partition("## Retired words")[2]
    assert [word for word in RETIRED_IN_NAMES if word not in listed] == []


def test_docstrings_begin_with_an_object_or_an_action() -> None:
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in list_files(PRODUCT)
        if file.suffix == ".py"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if NO_SUBJECT.search(line)
    ]
    assert found == []
