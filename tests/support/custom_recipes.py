"""The custom recipe of examples/recipes, as it is and with changes."""

import json
import shutil
from pathlib import Path
from typing import Any

EXAMPLES = Path("examples/recipes")
VISION = "gpudesk-custom-vision"
"""Name of the document of the example."""

DATA = Path("chalicelib/data")


def copy_data_with_example(folder: Path) -> Path:
    """Copy gpudesk's recipes and the example to a folder, as for a team that has the example, and return the folder."""
    for name in ("recipes.json", "recipes.schema.json"):
        shutil.copy(DATA / name, folder)
    shutil.copytree(EXAMPLES, folder / "recipes")
    return folder


def change_example(data: Path, **changes: Any) -> None:
    """Change entries of the example in a copy of the data. None removes an entry."""
    path = data / "recipes" / "vision" / "recipe.json"
    entry = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in entry.items() if value is not None}))
