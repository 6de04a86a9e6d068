"""Copies of `gpudesk-session` whose times are shorter."""

from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "tools" / "gpudesk-session"


def copy_session_program(folder: Path, changes: dict[str, str]) -> Path:
    """Copy the program into a folder, and return the path of the copy.

    :param changes: texts of the program by which they are replaced, such as {"CHECK_EVERY=5": "CHECK_EVERY=1"}
    """
    program, text = folder / PROGRAM.name, PROGRAM.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    program.write_text(text)
    program.chmod(0o755)
    return program
