"""Parts that the modules of the API description share: references to schemas, and the content of answers."""

from typing import Any, get_args

from pydantic import TypeAdapter

SCHEMA_REF = "#/components/schemas/{model}"
JSON = "application/json"

RETRY_AFTER_HEADER = {"description": "Seconds until the next request.", "schema": {"type": "integer"}}


def describe_content(description: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a response with a body."""
    return {"description": description, "content": {content_type: {"schema": schema}}}


def add_schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Add the schemas of a type and of its parts to the components, and return a reference to it.

    A generic type, such as a page of some view, has no name of its own, so the schema itself is returned.
    """
    schema = TypeAdapter(model).json_schema(ref_template=SCHEMA_REF)
    schemas.update(schema.pop("$defs", {}))
    if get_args(model):
        return schema
    schemas[model.__name__] = schema
    return {"$ref": SCHEMA_REF.format(model=model.__name__)}
