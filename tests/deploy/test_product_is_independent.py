import ast
from pathlib import Path


def test_entry_point_does_not_import_the_deployment() -> None:
    """import-linter checks packages only, and `app.py` is none."""
    nodes = list(ast.walk(ast.parse(Path("app.py").read_text(encoding="utf-8"))))
    modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not [module for module in modules if module.split(".")[0] in ("deploy", "local", "ssm_documents")]
