from pathlib import Path


def test_overridden_versions_are_those_of_the_product() -> None:
    """An override also wins over requirements.txt, so a newer version there would have no effect."""
    lines = Path("requirements-overrides.txt").read_text(encoding="utf-8").splitlines()
    overrides = {line for line in lines if line and not line.startswith("#")}
    assert overrides <= set(Path("requirements.txt").read_text(encoding="utf-8").splitlines())
