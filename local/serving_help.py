"""What to do next: lines that work when they are pasted."""

from local.run_folder import RunFolder
from local.stack import Stack

TEXT = """
It goes on serving; {speed:g} cloud seconds still pass in a real one. Ctrl-C ends it.

  desk    {api}    local cloud    {cloud}    log    {log}
  an admin's token, also in {token_file}:
  {token}

Paste, for example:

  T="Authorization: Bearer $(cat {token_file})"; J="Content-Type: application/json"
  curl -s -H "$T" -H "$J" -d '{{"gpu": "T4", "recipe": "jupyter", "name": "my-first"}}' {api}/instances
  curl -s -H "$T" {api}/instances/my-first
  curl -s -H "$T" {api}/instances/my-first/timeline
  curl -s -H "$T" {api}/instances/my-first/connect
  curl -s -H "$T" -H "$J" -d '{{"hours": 4}}' {api}/instances/my-first/keep
  curl -s -H "$T" -X DELETE {api}/instances/my-first
  curl -s {api}/healthz

The cloud can be driven (docs/local-cloud.md): its clock, faults, capacity, what a GPU does.

  curl -s {cloud}/_local/clock
  curl -s -d '{{"advance_seconds": 1800}}' {cloud}/_local/clock
  curl -s -d '{{"instance_type": "g4dn.xlarge", "zone": "us-east-1a", "instances": 0}}' {cloud}/_local/capacity
"""


def help_text(stack: Stack, folder: RunFolder) -> str:
    """Where everything is, and what to try."""
    return TEXT.format(
        api=stack.api_url,
        cloud=stack.cloud_url,
        speed=stack.clock.speed,
        token=stack.admin_token,
        token_file=folder.token,
        log=folder.log,
    )
