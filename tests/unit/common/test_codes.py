"""The codes of errors and events are part of the contract: their values never change."""

from enum import StrEnum

import pytest

from chalicelib.domain.common.errors import ErrorCode
from chalicelib.domain.common.event_codes import EventCode


@pytest.mark.parametrize("codes", [ErrorCode, EventCode])
def test_value_of_each_code_is_its_name_in_lower_case(codes: type[StrEnum]) -> None:
    assert {code.name: str(code.value) for code in codes} == {code.name: code.name.lower() for code in codes}
