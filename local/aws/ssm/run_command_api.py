"""Calls of Run Command: SendCommand, CancelCommand, and the calls that return commands and invocations."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ssm.agents import Agents
from local.aws.ssm.documents import compute_time_limit, load_command_content, map_plugins
from local.aws.ssm.invocations import Command
from local.aws.ssm.run_command import RunCommand
from local.aws.ssm.run_command_responses import (
    describe_command,
    describe_invocation,
    describe_listed_invocation,
    matches_filter,
)
from local.machines.agent.documents import upgrade_schema

Method = Callable[[Any], ActionResult]

DEFAULT_DELIVERY_SECONDS = 3600


class RunCommandApi:
    """Extension with the calls as on AWS. Without `AwsTiming.is_strict`, moto answers them itself and runs nothing."""

    def __init__(self, timing: AwsTiming, commands: RunCommand, agents: Agents, lifecycle: Lifecycle) -> None:
        """Create the extension."""
        self._timing = timing
        self._commands = commands
        self._agents = agents
        self._lifecycle = lifecycle

    def patch(self, patches: Patches) -> None:
        """Replace the calls."""
        owner = SimpleSystemManagerResponse
        patches.wrap(owner, "send_command", self._send)
        patches.wrap(owner, "get_command_invocation", self._get_invocation)
        patches.wrap(owner, "list_commands", self._list_commands)
        patches.add(owner, "list_command_invocations", self._build_list_invocations())
        patches.add(owner, "cancel_command", self._build_cancel())

    def _send(self, original: Method) -> Method:
        def send_command(response: Any) -> ActionResult:
            if not self._timing.is_strict:
                return original(response)
            instance_ids, targets = response._get_param("InstanceIds", []), response._get_param("Targets", [])
            chosen = [*instance_ids, *self._find_targets(response, targets)]
            self._check_instances(response, instance_ids)
            command = self._build_command(response, list(dict.fromkeys(chosen)), targets)
            self._commands.send(command)
            return ActionResult({"Command": describe_command(command)})

        return send_command

    def _check_instances(self, response: Any, instance_ids: list[str]) -> None:
        regional = {
            tracked.instance.id
            for tracked in self._lifecycle.instances.values()
            if (tracked.account, tracked.region) == (response.current_account, response.region)
        }
        for instance_id in instance_ids:
            if instance_id not in regional or not self._agents.can_receive_commands(instance_id):
                raise CloudError(
                    "InvalidInstanceId",
                    f"Instances [[{instance_id}]] not in a valid state for account {response.current_account}",
                )

    def _find_targets(self, response: Any, targets: list[Mapping[str, Any]]) -> list[str]:
        if not targets:
            return []
        targeted = [
            tracked
            for tracked in self._lifecycle.instances.values()
            if (tracked.account, tracked.region) == (response.current_account, response.region)
            and self._agents.can_receive_commands(tracked.instance.id)
        ]
        for target in targets:
            key, values = target["Key"], target["Values"]
            targeted = [tracked for tracked in targeted if tracked.matches_target(key, values)]
        return [tracked.instance.id for tracked in targeted]

    def _build_command(self, response: Any, instance_ids: list[str], targets: list[Mapping[str, Any]]) -> Command:
        name = response._get_param("DocumentName")
        version, content = load_command_content(response.ssm_backend, name, response._get_param("DocumentVersion"))
        parameters = response._get_param("Parameters", {})
        timeout_seconds = response._get_int_param("TimeoutSeconds", DEFAULT_DELIVERY_SECONDS)
        now = self._commands.now()
        document = upgrade_schema(content)
        return Command(
            command_id=str(uuid4()),
            account=response.current_account,
            region=response.region,
            document_name=name,
            document_version=version,
            document=document,
            plugins=map_plugins(content),
            limit=self._commands.scale_limit(compute_time_limit(document, parameters)),
            parameters=parameters,
            comment=response._get_param("Comment", ""),
            timeout_seconds=timeout_seconds,
            requested_at=now,
            expires_at=now + timedelta(seconds=timeout_seconds),
            instance_ids=instance_ids,
            targets=targets,
            log_group=_find_log_group(response._get_param("CloudWatchOutputConfig", {}), name),
        )

    def _get_invocation(self, original: Method) -> Method:
        def get_command_invocation(response: Any) -> ActionResult:
            if not self._timing.is_strict:
                return original(response)
            command = self._commands.sent.get(response._get_param("CommandId"))
            run = command.runs.get(response._get_param("InstanceId")) if command else None
            if command is None or run is None or not self._commands.is_visible(command):
                raise CloudError("InvocationDoesNotExist", "The invocation does not exist.")
            return ActionResult(describe_invocation(command, run, response._get_param("PluginName")))

        return get_command_invocation

    def _list_commands(self, original: Method) -> Method:
        def list_commands(response: Any) -> ActionResult:
            command_id, instance_id = response._get_param("CommandId"), response._get_param("InstanceId")
            if not self._timing.is_strict:
                return original(response)
            commands = [
                command
                for command in self._list_region_commands(response)
                if command_id in (None, command.command_id)
                and (instance_id is None or instance_id in command.runs)
                and all(
                    matches_filter(command, entry["key"], entry["value"])
                    for entry in response._get_param("Filters", [])
                )
            ]
            return _build_page(response, "Commands", [describe_command(command) for command in commands])

        return list_commands

    def _build_list_invocations(self) -> Method:
        def list_command_invocations(response: Any) -> ActionResult:
            command_id, instance_id = response._get_param("CommandId"), response._get_param("InstanceId")
            with_details = response._get_bool_param("Details", False)
            invocations = [
                describe_listed_invocation(command, run, with_details)
                for command in self._list_region_commands(response)
                if command_id in (None, command.command_id) and self._commands.is_visible(command)
                for run in command.runs.values()
                if instance_id in (None, run.instance_id)
            ]
            return _build_page(response, "CommandInvocations", invocations)

        return list_command_invocations

    def _build_cancel(self) -> Method:
        def cancel_command(response: Any) -> ActionResult:
            command = self._commands.sent.get(response._get_param("CommandId"))
            if command is None:
                raise CloudError("InvalidCommandId", "The command ID is not valid.")
            instance_ids = response._get_param("InstanceIds", [])
            if any(instance_id not in command.runs for instance_id in instance_ids):
                raise CloudError("InvalidInstanceId", "The command was not sent to one of these instances.")
            self._commands.cancel(command, instance_ids)
            return EmptyResult()

        return cancel_command

    def _list_region_commands(self, response: Any) -> list[Command]:
        """Return the commands of the request's region, the newest first."""
        place = (response.current_account, response.region)
        return [
            command for command in reversed(self._commands.sent.values()) if (command.account, command.region) == place
        ]


def _find_log_group(config: Mapping[str, Any], document_name: str) -> str | None:
    if not config.get("CloudWatchOutputEnabled"):
        return None
    return config.get("CloudWatchLogGroupName") or f"/aws/ssm/{document_name}"


def _build_page(response: Any, name: str, items: list[Mapping[str, Any]]) -> ActionResult:
    limit = response._get_int_param("MaxResults", 50)
    start = int(response._get_param("NextToken") or 0)
    token = str(start + limit) if start + limit < len(items) else None
    return ActionResult({name: items[start : start + limit], "NextToken": token})
