"""Parameters that several documents share: of recipes.json, which people set, and of lib/parameters.json."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from chalicelib.domain.setup.custom_recipe import to_ssm_name
from chalicelib.domain.setup.parameters import Parameter, to_ssm_value
from chalicelib.domain.setup.recipe import parse_shared_parameters

SHARED = "include:parameters.json"
"""Placeholder in document.json: the shared parameter of the same name."""

_LIBRARY = Path(__file__).parent / "lib" / "parameters.json"
_RECIPES = Path(__file__).parent.parent / "chalicelib" / "data" / "recipes.json"


@functools.cache
def load_shared_parameters() -> dict[str, Any]:
    """Return the parameters that gpudesk sets itself, and those that users can set for several recipes."""
    recipe_parameters = parse_shared_parameters(json.loads(_RECIPES.read_text(encoding="utf-8")))
    gpudesk_parameters: dict[str, Any] = json.loads(_LIBRARY.read_text(encoding="utf-8"))
    return gpudesk_parameters | {
        to_ssm_name(name): to_document_parameter(parameter) for name, parameter in recipe_parameters.items()
    }


def to_document_parameter(parameter: Parameter) -> dict[str, str]:
    """Return a recipe parameter in the form of an SSM document parameter."""
    return {
        "type": "String",
        "default": to_ssm_value(parameter.default),
        "description": parameter.description,
        "allowedPattern": parameter.allowed_pattern,
        "interpolationType": "ENV_VAR",
    }
