"""Functions, events and routes of the app as a SAM template, from chalice's own generator. No zip is built.

`chalice package` would build one, which takes seconds and needs the network. `deploy/package.py` builds ours.
"""

from chalice.config import Config
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import BaseDeployStep, BuildStage, InjectDefaults, SwaggerBuilder
from chalice.deploy.models import DeploymentPackage
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import PackageOptions, ResourceBuilder, SAMTemplateGenerator
from typing_extensions import override

import app
from deploy.cloudformation import Template

API_STAGE = "api"
"""The stage of API Gateway: the first segment of all paths, also in `Location` headers."""

MINIMUM_COMPRESSION_SIZE = 1024
"""API Gateway compresses answers of this many bytes and more, if the client accepts it."""

_PLACEHOLDER_ROLE = "arn:aws:iam::123456789012:role/replaced"
_PLACEHOLDER_ZIP = "replaced.zip"


class _NamePackage(BaseDeployStep):
    """Replacement of chalice's packager."""

    def handle_deploymentpackage(self, _config: Config, resource: DeploymentPackage) -> None:
        """Name a zip instead of building one. BaseDeployStep calls this method by its name."""
        resource.filename = _PLACEHOLDER_ZIP


class _PackageOptions(PackageOptions):
    """Chalice's options without a client of AWS."""

    def __init__(self) -> None:
        """Need no client."""

    @override
    def service_principal(self, service: str) -> str:
        """Return the principal of a service, which is the same in all partitions."""
        return f"{service}.amazonaws.com"


def generate_sam_template(stage: str) -> Template:
    """Return chalice's template of the app. The zip and the roles in it are placeholders."""
    config = Config.create(
        project_dir=".",
        chalice_app=app.app,
        app_name=app.app.app_name,
        chalice_stage=stage,
        manage_iam_role=False,
        iam_role_arn=_PLACEHOLDER_ROLE,
        api_gateway_stage=API_STAGE,
        api_gateway_endpoint_type="REGIONAL",
        minimum_compression_size=MINIMUM_COMPRESSION_SIZE,
    )
    steps = [InjectDefaults(), _NamePackage(), SwaggerBuilder(CFNSwaggerGenerator())]
    builder = ResourceBuilder(ApplicationGraphBuilder(), DependencyBuilder(), BuildStage(steps))
    resources = builder.construct_resources(config, stage)
    template: Template = SAMTemplateGenerator(config, _PackageOptions()).generate(resources)
    return template
