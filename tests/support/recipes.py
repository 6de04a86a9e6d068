"""Recipes as a team may add them. Their documents are gpudesk's own."""

from typing import Any

from chalicelib.domain.setup.recipe import Recipe, parse_recipes
from chalicelib.store import data_files

UBUNTU_18 = "/aws/service/canonical/ubuntu/server/18.04/stable/current/amd64/hvm/ebs-gp2/ami-id"

PARAMETERS: dict[str, dict[str, Any]] = {
    "release": {
        "type": "String",
        "default": "one",
        "allowed_pattern": "^[a-z]{1,8}$",
        "pattern_description": "a release: 1 to 8 lower-case letters",
        "description": "Which release.",
    },
    "notebooks": {"type": "Boolean", "default": True, "description": "Whether to fetch the notebooks."},
    "workers": {"type": "Integer", "default": 4, "description": "How many to start."},
}


def build_recipe_entry(requirements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a recipe with one document, gpudesk-jupyter.

    The attempt id contains the parameters, so that tests can see them.
    """
    use = {
        "name": "gpudesk-jupyter",
        "parameters": {"attemptId": "${release}.${notebooks}.${workers}.${attempt_id}"},
        "timeout_minutes": 20,
    }
    common = {"title": "T", "description": "D", "documents": [use], "jupyter_port": None, "parameters": PARAMETERS}
    return {**common, "requirements": requirements, **more}


def build_recipes() -> dict[str, Recipe]:
    """Return gpudesk's own recipes, one with old requirements (`old`) and one with present ones (`new`)."""
    cuda_10 = {"min": "3.0", "max": "7.5", "reason": "CUDA 10.1"}
    old = {"architectures": ["x86_64"], "ubuntu": ["18.04"], "compute_capability": cuda_10, "supports_cpu": False}
    seven_5 = {"min": "7.5", "max": None}
    new = {"architectures": ["x86_64"], "ubuntu": ["22.04"], "compute_capability": seven_5, "supports_cpu": True}
    entries = {
        "old": build_recipe_entry(old, image={"x86_64": UBUNTU_18}),
        "new": build_recipe_entry(new, jupyter_port=8899),
    }
    return {**data_files.load_packaged_recipes(), **parse_recipes({"recipes": entries})}
