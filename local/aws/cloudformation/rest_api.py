"""API Gateway: the body of a REST API, its stages with method settings, and gateway responses.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-restapi.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.apigateway.models import Deployment, RestAPI, Stage, apigateway_backends

from local.aws.cloudformation.added_type import AddedType, Created, Place, Properties
from local.aws.core.patches import Patches

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
INTEGRATION = "x-amazon-apigateway-integration"
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
COMPRESSION = "x-amazon-apigateway-minimum-compression-size"

METHOD_SETTINGS = {
    "CachingEnabled": "cachingEnabled",
    "DataTraceEnabled": "dataTraceEnabled",
    "LoggingLevel": "loggingLevel",
    "MetricsEnabled": "metricsEnabled",
    "ThrottlingBurstLimit": "throttlingBurstLimit",
    "ThrottlingRateLimit": "throttlingRateLimit",
}
"""Properties of a method setting in CloudFormation, and their names in the API."""


_DEPLOYMENT_ID: Any = property(lambda deployment: deployment.id)


def patch(patches: Patches) -> None:
    """Build REST APIs from their body, and delete APIs and deployments with their stack."""
    patches.wrap(RestAPI, "create_from_cloudformation_json", _wrap_create)
    patches.add(RestAPI, "update_from_cloudformation_json", staticmethod(_update_api))
    patches.add(RestAPI, "delete", _delete_api)
    patches.add(Deployment, "physical_resource_id", _DEPLOYMENT_ID)
    patches.add(Deployment, "delete", _delete_deployment)


def _wrap_create(original: Callable[..., Any]) -> Any:
    def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
        properties = template["Properties"]
        body = properties.get("Body", {})
        title = properties.get("Name") or body.get("info", {}).get("title") or name
        endpoint = {"types": properties.get("EndpointConfiguration", {}).get("Types", ["EDGE"])}
        changed = {**properties, "Name": title, "EndpointConfiguration": endpoint}
        api = original(name, {**template, "Properties": changed}, account_id, region_name, **rest)
        api.binaryMediaTypes = properties.get("BinaryMediaTypes", body.get(BINARY_TYPES, []))
        api.minimum_compression_size = properties.get("MinimumCompressionSize", body.get(COMPRESSION))
        _put_body(Place(account_id, region_name), api, body)
        return api

    return staticmethod(create)


def _update_api(
    original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
) -> Any:
    """Replace the body. The id of the API and with it its URL stay the same."""
    del new_resource_name
    original_resource.resources.clear()
    original_resource.gateway_responses.clear()
    original_resource.default = original_resource.add_child("/")
    original_resource.root_resource_id = original_resource.default.id
    _put_body(Place(account_id, region_name), original_resource, cloudformation_json["Properties"].get("Body", {}))
    return original_resource


def _put_body(place: Place, api: Any, body: Mapping[str, Any]) -> None:
    backend = apigateway_backends[place.account][place.region]
    for kind, response in body.get(GATEWAY_RESPONSES, {}).items():
        api.put_gateway_response(
            kind, response.get("statusCode"), response.get("responseParameters"), response.get("responseTemplates")
        )
    paths = {path: _normalize_methods(methods) for path, methods in body.get("paths", {}).items()}
    # moto accepts only OpenAPI 3. What moto reads of a body has the same form in Swagger 2.
    backend.put_rest_api(api.id, {"openapi": "3.0.1", "paths": paths}, fail_on_warnings=False)


def _normalize_methods(methods: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the methods of a path with integrations in the form that moto checks. Extensions are no methods."""
    return {name: _normalize_method(method) for name, method in methods.items() if not name.startswith("x-")}


def _normalize_method(method: Mapping[str, Any]) -> Mapping[str, Any]:
    if INTEGRATION not in method:
        return method
    integration = {"httpMethod": "POST", **method[INTEGRATION]}
    integration["type"] = integration["type"].upper()
    # moto cannot build responses from a body. Proxy integrations do not use them.
    integration.pop("responses", None)
    return {**method, INTEGRATION: integration}


def _delete_api(api: Any, account_id: str, region_name: str) -> None:
    apigateway_backends[account_id][region_name].delete_rest_api(api.id)


def _delete_deployment(deployment: Any, account_id: str, region_name: str) -> None:
    for api in apigateway_backends[account_id][region_name].apis.values():
        api.deployments.pop(deployment.id, None)


def _create_stage(place: Place, _: str, properties: Properties) -> Created:
    backend = apigateway_backends[place.account][place.region]
    api_id, name = properties["RestApiId"], properties["StageName"]
    stage: Stage = backend.create_stage(
        api_id,
        name,
        properties["DeploymentId"],
        variables=properties.get("Variables"),
        description=properties.get("Description", ""),
        tracing_enabled=properties.get("TracingEnabled"),
    )
    for setting in properties.get("MethodSettings", []):
        stage.method_settings[_build_setting_path(setting)] = {
            attribute: setting[name] for name, attribute in METHOD_SETTINGS.items() if name in setting
        }

    def remove() -> None:
        if api_id in backend.apis:
            backend.delete_stage(api_id, name)

    return Created(name, remove)


def _build_setting_path(setting: Mapping[str, Any]) -> str:
    """Return the key of a method setting in GetStage: `~1` stands for a slash of the path.

    https://docs.aws.amazon.com/apigateway/latest/api/API_MethodSetting.html
    """
    path = setting.get("ResourcePath", "/*").removeprefix("/").replace("/", "~1")
    return f"{path or '~1'}/{setting.get('HttpMethod', '*')}"


TYPES = (AddedType("AWS::ApiGateway::Stage", _create_stage),)
