"""Custom recipes with documents of gpudesk."""

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
        "description": "Release to install.",
    },
    "notebooks": {"type": "Boolean", "default": True, "description": "Download the notebooks."},
    "workers": {"type": "Integer", "default": 4, "description": "Number of workers to start."},
}


def build_recipe_entry(requirements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a recipe with one document, gpudesk-jupyter.

    The attempt id contains the parameters, so that tests can see them.
    """
    document = {
        "name": "gpudesk-jupyter",
        "parameters": {"attemptId": "${release}.${notebooks}.${workers}.${attempt_id}"},
        "timeout_minutes": 20,
    }
    common = {"title": "T", "description": "D", "documents": [document], "jupyter_port": None, "parameters": PARAMETERS}
    return {**common, "requirements": requirements, **more}


def build_recipes() -> dict[str, Recipe]:
    """Return the packaged recipes and two custom ones: `old` requires CUDA 10.1, `new` requires a current GPU."""
    cuda_10 = {"min": "3.0", "max": "7.5", "reason": "CUDA 10.1"}
    old = {"architectures": ["x86_64"], "ubuntu": ["18.04"], "compute_capability": cuda_10, "supports_cpu": False}
    turing = {"min": "7.5", "max": None}
    new = {"architectures": ["x86_64"], "ubuntu": ["22.04"], "compute_capability": turing, "supports_cpu": True}
    entries = {
        "old": build_recipe_entry(old, image={"x86_64": UBUNTU_18}),
        "new": build_recipe_entry(new, jupyter_port=8899),
    }
    return {**data_files.load_packaged_recipes(), **parse_recipes({"recipes": entries})}
