"""Fakes of programs that need users: `sudo`, `runuser` and `su`; in a sandbox with only root, `chown` and `install`."""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence

from local.machines.inside.system import become_user

REAL_PROGRAMS = "/.machine/usr/bin"


def sudo(arguments: Sequence[str]) -> int:
    """Run `sudo [-u USER] [-H] [-E] [-n] [-i] [NAME=VALUE] PROGRAM ...`."""
    user, words, is_login = "root", list(arguments), False
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "--":
            break
        letters = "" if option.startswith("--") else option
        if option == "--user" or letters.endswith("u"):
            user = words.pop(0)
        is_login = is_login or option == "--login" or "i" in letters
    environment = dict(os.environ)
    while words and "=" in words[0].split("/")[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    account = _find_account(user)
    environment |= {"USER": user, "LOGNAME": user, "SUDO_USER": "root", "HOME": account.pw_dir}
    if is_login:
        words = [account.pw_shell, "-l", *(["-c", " ".join(words)] if words else [])]
    return _run(account, words, environment)


def runuser(arguments: Sequence[str]) -> int:
    """Run `runuser -u USER -- PROGRAM ...` and `runuser [-l|-] USER -c LINE`; `su` uses the second form."""
    words, user, line = list(arguments), "", None
    while words:
        word = words.pop(0)
        if word in ("-u", "--user"):
            user = words.pop(0)
        elif word in ("-c", "--command"):
            line = words.pop(0)
        elif word == "--":
            break
        elif not word.startswith("-"):
            if user:
                words.insert(0, word)
                break
            user = word
    account = _find_account(user or "root")
    program = ["sh", "-c", line] if line is not None else words or [account.pw_shell]
    return _run(account, program, {**os.environ, "HOME": account.pw_dir, "USER": account.pw_name})


def skip_change_of_owner(arguments: Sequence[str]) -> int:
    """Do nothing for `chown` and `chgrp`, because the sandbox has no user but root."""
    del arguments
    return 0


def install(arguments: Sequence[str]) -> int:
    """Run `install` without owner and group, because the sandbox has no user but root."""
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word in ("-o", "-g", "--owner", "--group"):
            next(rest, None)
        elif not word.startswith(("--owner=", "--group=")):
            words.append(word)
    return subprocess.run([f"{REAL_PROGRAMS}/install", *words], check=False).returncode


def _find_account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        print(f"unknown user {name}", file=sys.stderr)
        sys.exit(1)


def _run(account: pwd.struct_passwd, words: Sequence[str], environment: dict[str, str]) -> int:
    """Replace this process by the program. Return an exit code only if the program cannot run."""
    if account.pw_uid:
        become_user(account)
    try:
        os.execvpe(words[0], list(words), environment)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
