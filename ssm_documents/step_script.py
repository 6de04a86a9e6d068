"""The script of a step: its file with embedded files and includes, after the values that lib/prelude.sh reads.

A file of lib/ is included by `source include:FILE`. Its functions become part of the document's library (library.py). A
file with here-documents is inserted into the step instead. The prelude includes its own modules.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ssm_documents.check import build_fallback_lines
from ssm_documents.embed import pack_probe
from ssm_documents.library import remove_commands, remove_comments, remove_functions, select_functions
from ssm_documents.minify import minify

_LIBRARY = Path(__file__).parent / "lib"
_PRELUDE = "prelude.sh"
_INCLUDE = re.compile(r"source include:(?P<file>[a-z_./-]+)")
_INCLUDE_LINE = re.compile(rf"^{_INCLUDE.pattern}$", re.MULTILINE)
_EMBED = re.compile(r"@@(?P<file>[a-z_.-]+)@@")


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """Values about a step that lib/prelude.sh reads."""

    document: str
    step: str
    position: str
    previous: str
    time_limit: int
    always: bool


@dataclass(frozen=True)
class Script:
    """The file of a step, with its embedded files and without its comments. Its includes are not resolved.

    :param function: name of the library's function with the lines after the prelude; empty: they stand in the step
    """

    shebang: str
    lines: tuple[str, ...]
    function: str


def read_script(path: Path, step: str, is_compressed: bool) -> Script:
    """Return the script of a step.

    :raises FileNotFoundError: the file, or one that it embeds, does not exist
    :raises ValueError: the script does not include the prelude
    """
    shebang, *sources = path.read_text(encoding="utf-8").splitlines()
    lines = [line for source in sources for line in _embed_file(source, path.parent)]
    if f"source include:{_PRELUDE}" not in lines:
        raise ValueError(f"step {step} lacks the line: source include:{_PRELUDE}")
    function = f"gpudesk_run_{re.sub(r'[^a-z0-9]', '_', step)}" if is_compressed else ""
    return Script(shebang, tuple(remove_comments(lines)), function)


def build_library(scripts: Sequence[Script]) -> str:
    """Return the functions that the steps of a document use, and the commands of the prelude at the end.

    The functions of compressed steps come first. They may have here-documents, in which no function can be recognized.
    """
    text = "\n".join(line for script in scripts for line in script.lines)
    files = sorted({include["file"] for include in _INCLUDE_LINE.finditer(text)} - {_PRELUDE})
    sources = {file: _read_library(file) for file in files}
    used_text = "\n".join([text, *(_get_commands(source) for source in sources.values())])
    functions = "".join(remove_commands(source) for source in sources.values() if not _is_inserted(source))
    steps = [line for script in scripts if script.function for line in _build_function(script)]
    return "\n".join([*steps, *select_functions(functions + _read_library(_PRELUDE), used_text), ""])


def _build_function(script: Script) -> list[str]:
    _, body = _split_at_prelude(script, [])
    return [f"{script.function}() {{", *body, "}"]


def _split_at_prelude(script: Script, loading: list[str]) -> tuple[list[str], list[str]]:
    """Return the lines until the library is loaded, and the lines after that, with their includes resolved."""
    place = script.lines.index(f"source include:{_PRELUDE}")
    before, after = script.lines[:place], script.lines[place + 1 :]
    return [*before, *loading], [line for raw in after for line in _resolve_include(raw)]


def _is_inserted(source: str) -> bool:
    """Return whether a library is inserted into the step, because it has here-documents."""
    return "<<" in source


def _get_commands(source: str) -> str:
    return source if _is_inserted(source) else "\n".join(remove_functions(source))


def compose_script(script: Script, info: StepInfo, parameters: tuple[str, ...], loading: list[str]) -> list[str]:
    """Return the lines of a step's script: parameters, values about the step, then the file with its includes.

    lib/prelude.sh recognizes a finished step by a hash of the file, of the functions that it uses, and of the
    parameters that the file itself reads. The parameters that only the prelude reads (attempt id, proxy, package
    mirrors) are not part of the hash.

    :param loading: the lines that load the library of the document
    """
    before, after = _split_at_prelude(script, loading)
    text = "\n".join(script.lines)
    step_parameters = [name for name in parameters if re.search(rf"\bSSM_{name}\b", text)]
    return [
        script.shebang,
        *build_fallback_lines(parameters),
        f"GPUDESK_DOCUMENT='{info.document}'",
        f"GPUDESK_STEP='{info.step}'",
        f"GPUDESK_POSITION='{info.position}'",
        f"GPUDESK_PREVIOUS='{info.previous}'",
        f"GPUDESK_TIME_LIMIT='{info.time_limit}'",
        f"GPUDESK_SCRIPT_HASH='{_hash_script(script)}'",
        f"GPUDESK_STEP_PARAMETERS='{' '.join(step_parameters)}'",
        f"GPUDESK_ALWAYS='{'1' if info.always else ''}'",
        *before,
        *([script.function] if script.function else after),
    ]


def _hash_script(script: Script) -> str:
    """Return the hash of the text with its includes. A library is reduced to the functions that the lines after it use.

    So the hash does not change when a function changes that the step does not use.
    """
    composed: list[str] = []
    for line in reversed(script.lines):
        include = _INCLUDE.fullmatch(line)
        if include:
            source, text = _read_library(include["file"]), "\n".join(composed)
            composed[:0] = source.splitlines() if _is_inserted(source) else select_functions(source, text)
        else:
            composed[:0] = [line]
    return hashlib.sha256("\n".join(composed).encode()).hexdigest()[:32]


def _embed_file(line: str, folder: Path) -> list[str]:
    embed = _EMBED.fullmatch(line)
    return _read_embedded(embed["file"], folder).splitlines() if embed else [line]


def _resolve_include(line: str) -> list[str]:
    """Replace an include by what is not in the library."""
    include = _INCLUDE.fullmatch(line)
    return _get_commands(_read_library(include["file"])).splitlines() if include else [line]


def read_prelude() -> str:
    """Return the prelude with its modules, without comments."""
    return _read_library(_PRELUDE)


@functools.cache
def _read_library(file: str) -> str:
    lines = (_LIBRARY / file).read_text(encoding="utf-8").splitlines()
    embedded = [line for raw in lines for line in _embed_file(raw, _LIBRARY)]
    return "".join(_insert_library(line) for line in remove_comments(embedded))


def _insert_library(line: str) -> str:
    include = _INCLUDE.fullmatch(line)
    return _read_library(include["file"]) if include else f"{line}\n"


def _read_embedded(file: str, folder: Path) -> str:
    if file == "probe.txt":
        return pack_probe()
    if file == "unpack.py":
        return minify((folder / file).read_text(encoding="utf-8"))
    return (folder / file).read_text(encoding="utf-8")
