"""Installation of Ubuntu packages while another process holds the locks, and after it left its work half done."""

from pathlib import Path

import pytest

from tests.support.prelude import StepRunner

LOCKS = {
    "1.6": "E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)",
    "2.4": "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)",
    "lists": "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)",
    "directory": "E: Unable to lock directory /var/lib/apt/lists/",
}
"""Messages of apt, by release or lock."""

INTERRUPTED = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
NOT_RESOLVED = (
    "W: Failed to fetch http://us-east-1.ec2.archive.ubuntu.com/ubuntu/dists/jammy/InRelease  "
    "Temporary failure resolving 'us-east-1.ec2.archive.ubuntu.com'"
)
FOREIGN = "E: The repository 'https://developer.download.nvidia.com/compute/cuda InRelease' is not signed."

APT = r"""
apt-get() {
  local verb
  for verb in --fix-broken update install; do
    case " $* " in *" $verb "*) break ;; esac
  done
  echo "$verb" >>"$RAN"
  [ "${NEEDRESTART_SUSPEND:-}" = 1 ] || echo "needrestart" >>"$RAN"
  local line
  line=$(grep -m 1 "^$verb " "$ANSWERS") || return 0
  sed -i "0,/^$verb /{/^$verb /d}" "$ANSWERS"
  echo "${line#* * }" >&2
  return "$(cut -d ' ' -f 2 - < <(echo "$line"))"
}
dpkg() { echo "dpkg $*" >>"$RAN"; }
sleep() { echo "sleep $1" >>"$RAN"; }
"""
"""Fakes of programs. A line of $ANSWERS is a verb, an exit status and a message for one call; later calls succeed."""


class Apt:
    """A step that installs jq with a fake apt."""

    def __init__(self, runner: StepRunner, folder: Path) -> None:
        self._runner, self._answers = runner, folder / "answers"
        self.errors = self.output = ""

    def install(self, *answers: str) -> int:
        """Return the exit status of a step that installs a package."""
        self._answers.write_text("".join(f"{answer}\n" for answer in answers))
        body = f'ANSWERS="{self._answers}"\n{APT}\napt_install jq'
        status, self.output, self.errors = self._runner.run_with_errors(body)
        return status

    @property
    def calls(self) -> list[str]:
        return [line for line in self._runner.ran.read_text().splitlines() if not line.startswith("sleep")]

    def count_sleeps(self, seconds: int) -> int:
        return self._runner.ran.read_text().splitlines().count(f"sleep {seconds}")


@pytest.fixture
def apt(runner: StepRunner, tmp_path: Path) -> Apt:
    return Apt(runner, tmp_path)


def test_packages_of_the_present_lists_are_installed_without_an_update(apt: Apt) -> None:
    assert apt.install() == 0
    assert apt.calls == ["install"]


def test_lists_are_updated_if_a_package_is_unknown(apt: Apt) -> None:
    assert apt.install("install 100 E: Unable to locate package jq") == 0
    assert apt.calls == ["install", "update", "install"]
    assert "E: " not in apt.errors, "the first failure is expected on a new instance"


@pytest.mark.parametrize("message", LOCKS.values(), ids=LOCKS)
@pytest.mark.parametrize("verb", ["install", "update"])
def test_step_waits_while_another_process_holds_a_lock(apt: Apt, verb: str, message: str) -> None:
    unknown = ["install 100 E: Unable to locate package jq"] if verb == "update" else []
    assert apt.install(*unknown, *[f"{verb} 100 {message}"] * 3) == 0
    assert apt.count_sleeps(5) == 3
    assert apt.output.count("Waiting for another process that installs packages, for at most 300 s.") == 1
    assert "Trying again" not in apt.output
    assert len(apt.errors) < 200, "SSM shows only the first characters of the errors"


def test_lock_that_is_never_released_fails_the_step_after_300_seconds(apt: Apt) -> None:
    assert apt.install(*[f"install 100 {LOCKS['2.4']}"] * 999) == 1
    assert apt.count_sleeps(5) == 60
    assert f"{LOCKS['2.4']}\n" in apt.errors
    assert "gpudesk: apt-get could not install jq." in apt.errors


def test_installation_that_dpkg_left_half_done_is_completed(apt: Apt) -> None:
    lock, interrupted = f"install 100 {LOCKS['1.6']}", f"install 100 {INTERRUPTED}"
    assert apt.install(lock, lock, interrupted) == 0
    assert apt.calls == [
        *["install"] * 3,
        "dpkg --configure -a --force-confdef --force-confold",
        "--fix-broken",
        "install",
    ]


def test_installation_that_cannot_be_completed_fails_the_step(apt: Apt) -> None:
    assert apt.install(*[f"install 100 {INTERRUPTED}"] * 99) == 1
    assert "gpudesk: apt-get could not install jq." in apt.errors


def test_mirror_that_does_not_resolve_is_tried_again_and_named(apt: Apt) -> None:
    """`apt-get update` only warns, and succeeds."""
    unknown = "install 100 E: Unable to locate package jq"
    assert apt.install(unknown, f"update 0 {NOT_RESOLVED}") == 0
    assert apt.calls == ["install", "update", "update", "install"]


def test_unreachable_mirror_fails_the_step_with_advice(apt: Apt) -> None:
    unknown = "install 100 E: Unable to locate package jq"
    assert apt.install(*[unknown] * 9, *[f"update 0 {NOT_RESOLVED}"] * 9) == 1
    assert apt.calls.count("update") == 5
    assert "gpudesk: apt-get update failed, so apt-get could not install jq. Check that the instance can" in apt.errors


def test_broken_list_of_another_repository_does_not_block_an_installation(apt: Apt) -> None:
    assert apt.install("install 100 E: Unable to locate package jq", f"update 100 {FOREIGN}") == 0
    assert apt.calls == ["install", "update", "install"]


def test_services_are_not_restarted_by_needrestart(apt: Apt) -> None:
    assert apt.install() == 0
    assert "needrestart" not in apt.calls


INSTALLED = {
    "nvidia-utils-570": {"nvidia-utils-570"},
    "linux-modules-nvidia-570-aws": {"linux-modules-nvidia-570-aws", "linux-image-aws"},
    "nvidia-container-toolkit": set[str](),
}
"""Packages of an image, and those that are held then. Every image has linux-image-aws."""


@pytest.mark.parametrize("package", INSTALLED)
def test_packages_of_the_driver_are_held(runner: StepRunner, tmp_path: Path, package: str) -> None:
    status = tmp_path / "status"
    status.write_text(f"installed {package}\ninstalled linux-image-aws\nconfig-files nvidia-dkms-470\n")
    fakes = f"""
dpkg-query() {{
  local pattern
  for pattern in "${{@:4}}"; do grep -E " ${{pattern//\\*/.*}}$" "{status}" || true; done
  return 1
}}
apt-mark() {{ printf '%s\\n' "${{@:2}}" >>"$RAN"; echo set on hold; }}
"""
    assert runner.run(f"{fakes}hold_driver_packages") == (0, "")
    held = set(runner.ran.read_text().split()) if runner.ran.exists() else set()
    assert held == INSTALLED[package]


def test_packages_that_cannot_be_held_do_not_fail_the_step(runner: StepRunner) -> None:
    fakes = "dpkg-query() { echo installed nvidia-utils-570; }\napt-mark() { return 100; }\nsleep() { :; }\n"
    status, output = runner.run(f"{fakes}hold_driver_packages")
    assert status == 0
    assert "The packages of NVIDIA's driver could not be held." in output
