"""An import of `app` builds nothing. `benchmarks/import_cost.py` measures its CPU time."""

import subprocess
import sys

import app
from benchmarks.import_cost import count_builds


def test_import_builds_no_type_adapter_and_no_client() -> None:
    assert count_builds() == []


def test_import_loads_no_api_model_and_no_table() -> None:
    code = "import app, sys; print(*(name for name in sys.modules if name.startswith('chalicelib.')))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not [
        name for name in loaded if name.startswith(("chalicelib.store", "chalicelib.control", "chalicelib.aws"))
    ]
    assert "chalicelib.api.openapi" not in loaded


def test_packaging_finds_all_routes() -> None:
    assert "/instances/{name}" in app.app.routes
    assert set(app.app.routes["/instances"]) == {"GET", "HEAD", "POST"}
