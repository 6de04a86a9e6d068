"""AWS credentials of the laptop, found as the SDK of the real plugin finds them: a profile, or else the environment.

Each call of the SDK reads them anew, so that a `credential_process` can return fresh ones.
"""

import configparser
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.plugin.signing import SigningKey


class NoCredentials(Exception):
    """The laptop has no credentials; the text says why."""


def load_credentials(profile: str, environment: Mapping[str, str] = os.environ) -> SigningKey:
    """Return the credentials of a profile, or those of the environment if `profile` is empty.

    :raises NoCredentials: there are none, or the program of the profile failed
    """
    if profile:
        return _run_process(_find_process(profile, environment))
    try:
        return SigningKey(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN", ""),
        )
    except KeyError as error:
        raise NoCredentials(f"{error.args[0]} is not set, and no profile is given.") from error


def _find_process(profile: str, environment: Mapping[str, str]) -> str:
    path = Path(environment.get("AWS_CONFIG_FILE", Path.home() / ".aws" / "config"))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path)
    section = "default" if profile == "default" else f"profile {profile}"
    process = parser.get(section, "credential_process", fallback="")
    if not process:
        raise NoCredentials(f"Profile {profile} of {path} has no credential_process.")
    return process


def _run_process(command: str) -> SigningKey:
    # The SDKs pass the text to a shell, too.
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise NoCredentials(f"The program of the profile ended with status {done.returncode}.")
    try:
        fields = json.loads(done.stdout)
        return SigningKey(fields["AccessKeyId"], fields["SecretAccessKey"], fields.get("SessionToken", ""))
    except (ValueError, KeyError) as error:
        raise NoCredentials("The program of the profile printed no credentials.") from error
