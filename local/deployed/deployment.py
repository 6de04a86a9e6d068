"""A stage on the local cloud: its stacks, the processes of its functions, its routes, rules and stream."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID

from deploy.chalice_resources import API_STAGE
from deploy.settings import DeploymentSettings
from local.aws.cloudformation import extension
from local.aws.core.local_cloud import LocalCloud
from local.deployed.function import Function
from local.deployed.functions import build_host, list_functions
from local.deployed.gateway import DeployedGateway
from local.deployed.invoke_permissions import check_triggers
from local.deployed.log_permission import may_write_log
from local.deployed.routes import read_rest_api
from local.deployed.rules import Rule, read_rules
from local.deployed.service_calls import LAMBDA
from local.deployed.stacks import deploy_stacks
from local.deployed.stream import StreamMapping, read_mappings, switch_off_delivery_of_moto
from local.deployed.unpack import unpack

MAX_STARTING = 2
"""Functions that import their code at the same time. Each keeps a core busy."""


@dataclass(frozen=True)
class RunPackage:
    """The zip of a run.

    :param folder: where it is unpacked, and where the logs of its functions are
    :param python: the Python of the functions' environment
    """

    zip_file: Path
    folder: Path
    python: Path


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployed stage.

    :param functions: its functions by ARN, each with a process that has imported its code
    :param rules: those of all its regions
    :param mapping: that of its only table with a stream
    """

    functions: Mapping[str, Function]
    gateway: DeployedGateway
    rules: Sequence[Rule]
    mapping: StreamMapping


@contextmanager
def deploy(
    cloud: LocalCloud, settings: DeploymentSettings, package: RunPackage, cloud_url: str
) -> Iterator[Deployment]:
    """Create the stacks and start the functions, and end them at the end.

    :raises StackFailed: CloudFormation did not create a stack
    :raises FunctionFailed: a function could not import its code
    :raises CloudError: the role of a function does not trust Lambda
    :raises NotPermitted: a route or a rule may not invoke its function
    """
    cloud.add_extension(extension)
    region = settings.home_region
    outputs = deploy_stacks(settings, package.zip_file)
    digest = hashlib.sha256(package.zip_file.read_bytes()).hexdigest()
    host = build_host(
        package.python, unpack(package.zip_file, package.folder / "code"), package.folder / "logs", cloud_url
    )
    functions = list_functions(region, digest, host, partial(create_credentials, cloud))
    for function in functions.values():
        may_write_log(cloud.enforcement, function.spec)
    try:
        with ThreadPoolExecutor(MAX_STARTING) as executor:
            list(executor.map(Function.warm_up, functions.values()))
        api = read_rest_api(region, outputs["RestAPIId"], API_STAGE)
        rules = read_rules([region, *(each for each in settings.regions if each != region)])
        check_triggers(functions, api, rules)
        mappings = read_mappings(region)
        switch_off_delivery_of_moto(DEFAULT_ACCOUNT_ID, region, mappings)
        (mapping,) = mappings
        yield Deployment(functions=functions, gateway=DeployedGateway(api, functions), rules=rules, mapping=mapping)
    finally:
        for function in functions.values():
            function.close()


def create_credentials(cloud: LocalCloud, role_arn: str, session_name: str) -> Mapping[str, str]:
    """Return the credentials with which Lambda runs a function as its role.

    :raises CloudError: the role does not trust Lambda
    """
    session = cloud.enforcement.assume_for_service(LAMBDA, role_arn, session_name)
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }
