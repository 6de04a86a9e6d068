"""Help that `make run` prints when it serves: addresses, lines to paste, ways to connect and to control the cloud."""

from chalicelib.domain.idle.policy import IdlePolicy
from local.run_folder import RunFolder
from local.stack import Stack

TEXT = """
Serving until Ctrl-C.
The local cloud keeps its state in memory: all instances, images and settings are gone when this process ends.
{pace}

  gpudesk      {api}
  local cloud  {cloud}
  log          {log}
  admin token  {token_file}
  {token}

Paste these lines into another terminal, in this folder:

  T="Authorization: Bearer $(cat {token_file})"; J="Content-Type: application/json"
  curl -s -H "$T" -H "$J" -d '{{"gpu": "T4", "recipe": "jupyter", "name": "my-first"}}' {api}/instances
  curl -s -H "$T" {api}/instances/my-first
  curl -s -H "$T" {api}/instances/my-first/timeline

Connect when the instance is ready. The first line lists all ways to connect. The last line opens Jupyter on a port of
this computer, until Ctrl-C.
{jupyter}

  curl -s -H "$T" {api}/instances/my-first/connect
  export GPUDESK_URL={api} GPUDESK_TOKEN_FILE="$PWD/{token_file}" PATH="$PWD/tools:$PWD/local/bin:$PATH"
  gpudesk-session my-first jupyter

Keep the instance running for 4 hours, terminate it, check the health of gpudesk:

  curl -s -H "$T" -H "$J" -d '{{"hours": 4}}' {api}/instances/my-first/keep
  curl -s -H "$T" -X DELETE {api}/instances/my-first
  curl -s {api}/healthz

Show the cloud's clock, move it by 30 minutes, limit the capacity (docs/local-cloud.md has more):

  curl -s {cloud}/_local/clock
  curl -s -d '{{"advance_seconds": 1800}}' {cloud}/_local/clock
  curl -s -d '{{"instance_type": "g4dn.xlarge", "zone": "{zone}", "instances": 0}}' {cloud}/_local/capacity
"""

REAL_CLOCK = "By default, gpudesk warns after {idle_minutes} idle minutes."
FAST_CLOCK = """{real} At SPEED={speed:g}, these minutes take {seconds:.0f} s.
To explore at your own pace, run `make run DEMO=0 SPEED=1`."""

REAL_JUPYTER = "Jupyter asks for a token. To print it: gpudesk-session my-first jupyter_token"
SIMULATED_JUPYTER = "Scripts are simulated in this run, so no program answers on the port."


def format_help(stack: Stack, folder: RunFolder) -> str:
    """Return the help with the addresses and files of this run."""
    jupyter = REAL_JUPYTER if stack.machines.is_real else SIMULATED_JUPYTER
    return TEXT.format(
        api=stack.api_url,
        cloud=stack.cloud_url,
        zone=f"{stack.home_region}a",
        pace=describe_pace(stack.clock.speed),
        token=stack.admin_token,
        token_file=folder.token,
        log=folder.log,
        jupyter=jupyter,
    )


def describe_pace(speed: float) -> str:
    """Return after which time gpudesk warns of a stop, and how to slow the clock down if it runs faster than yours."""
    idle_minutes = IdlePolicy().idle_minutes
    text = REAL_CLOCK.format(idle_minutes=idle_minutes)
    return FAST_CLOCK.format(real=text, speed=speed, seconds=idle_minutes * 60 / speed) if speed > 1 else text


def describe_clock(speed: float) -> str:
    """Return how fast the cloud's clock runs, as a sentence."""
    return f"The cloud's clock runs {f'{speed:g} times ' if speed != 1 else ''}as fast as yours."
