"""The files of the templates contain what was built, in a form that CloudFormation reads."""

import yaml  # type: ignore[import-untyped]

from deploy.templates import to_yaml


def test_yaml_keeps_order_and_texts_and_has_no_anchors() -> None:
    shared = {"Version": "2012-10-17", "Enabled": "yes", "Script": "a\n\n  b: c # d\n", "Number": "0123"}
    template = {"Z": shared, "A": [shared, shared]}
    text = to_yaml(template)
    assert yaml.safe_load(text) == template
    assert text.startswith("Z:")
    assert "&" not in text
    assert "*" not in text
