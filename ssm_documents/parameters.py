"""Parameters of documents: what several have is written down once, with the recipes or in lib/parameters.json."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from chalicelib.domain.setup.custom_recipe import to_ssm_name
from chalicelib.domain.setup.parameters import Parameter, to_ssm_value
from chalicelib.domain.setup.recipe import parse_shared_parameters

SHARED = "include:parameters.json"
"""In a header, in place of a parameter: the shared one of that name."""

_LIBRARY = Path(__file__).parent / "lib" / "parameters.json"
_RECIPES = Path(__file__).parent.parent / "chalicelib" / "data" / "recipes.json"


@functools.cache
def shared() -> dict[str, Any]:
    """What the desk itself hands to documents, and what people choose for several recipes."""
    chosen = parse_shared_parameters(json.loads(_RECIPES.read_text(encoding="utf-8")))
    handed: dict[str, Any] = json.loads(_LIBRARY.read_text(encoding="utf-8"))
    return handed | {to_ssm_name(name): of_document(each) for name, each in chosen.items()}


def of_document(parameter: Parameter) -> dict[str, str]:
    """What people can choose for a recipe, as SSM is told of it."""
    return {
        "type": "String",
        "default": to_ssm_value(parameter.default),
        "description": parameter.description,
        "allowedPattern": parameter.allowed_pattern,
        "interpolationType": "ENV_VAR",
    }
