"""The zip contains the modules of Chalice that run in Lambda."""

from pathlib import Path

import chalice

from deploy.chalice_runtime import find_runtime_modules


def test_installed_chalice_needs_its_app_module_only() -> None:
    folder = Path(chalice.__file__).parents[1]
    assert find_runtime_modules(folder) == {"chalice/__init__.py", "chalice/app.py"}


def test_imports_are_followed_except_those_for_types(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from chalice.app import Chalice",
        "app.py": "if TYPE_CHECKING:\n    from chalice.local import A\nelse:\n    import chalice.one\n",
        "one.py": "def run():\n    from chalice.two import deep\n",
        "two/__init__.py": "",
        "two/deep.py": "import json",
        "local.py": "",
    }
    for name, code in files.items():
        file = tmp_path / "chalice" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    assert find_runtime_modules(tmp_path) == {f"chalice/{name}" for name in files if name != "local.py"}
