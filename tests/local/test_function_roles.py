"""Roles of the functions when they share a process."""

from typing import get_type_hints

import pytest

from chalicelib.control.application import Application
from deploy.functions import get_function_id
from local.function_roles import UnattributedPart, check_parts, find_role, find_route_role
from local.settings import build_local_names
from tests.deploy.templates import build_home

NAMES = build_local_names()


def test_route_has_the_role_of_the_function_that_the_template_puts_behind_it() -> None:
    paths = build_home("dev")["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    deployed = {
        (method.upper(), path): integration["uri"]["Fn::Sub"]
        for path, methods in paths.items()
        for method, operation in methods.items()
        if (integration := operation.get("x-amazon-apigateway-integration")) and "uri" in integration
    }
    functions = {"api": get_function_id("api"), "sessions": get_function_id("sessions")}
    roles = {find_role(NAMES, key): f"${{{logical_id}.Arn}}" for key, logical_id in functions.items()}
    assert {find_route_role(NAMES, *route) for route in deployed} == roles.keys()
    assert [route for route, uri in deployed.items() if roles[find_route_role(NAMES, *route)] not in uri] == []


def test_each_part_of_the_application_is_in_one_of_the_lists() -> None:
    parts = get_type_hints(Application)
    check_parts(parts)
    with pytest.raises(UnattributedPart, match="which function uses reports of the application"):
        check_parts([*parts, "reports"])
