"""The shorter ways through the SDK and moto have the results of the original ones."""

from typing import Any

import pytest
import xmltodict  # type: ignore[import-untyped]
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.request import Request
from moto.core.serialize import EC2Serializer
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.utilities import dynamo_to_dict

from local.aws.core.in_process_requests import build_request
from local.aws.core.patches import Patches
from local.aws.dynamodb import faster_items
from local.aws.ec2 import faster_xml

HOST = "ec2.eu-west-1.amazonaws.com"
SIGNED: dict[str, Any] = {
    "Authorization": b"AWS4-HMAC-SHA256 Credential=x/20260105/eu-west-1/ec2",
    "X-Amz-Date": "20260105T090000Z",
}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=utf-8", b"Action=DescribeTags&Filter.1.Value.1=%C3%A9+x"),
        ("application/x-amz-json-1.0", '{"TableName": "é"}'.encode()),
    ],
)
def test_request_reaches_moto_as_over_http(content_type: str, body: bytes) -> None:
    headers = {**SIGNED, "Content-Type": content_type, "Content-Length": str(len(body))}
    prepared = AWSPreparedRequest("POST", f"https://{HOST}/", HTTPHeaders(), body, stream_output=False)
    for name, value in headers.items():
        prepared.headers[name] = value
    expected = Request.from_primitives("POST", prepared.url, headers, body)
    built = build_request(prepared, HOST, body)
    for request in (built, expected):
        assert (request.raw_url, request.raw_path, request.method) == (prepared.url, "/", "POST")
    assert dict(built.headers) == dict(expected.headers)
    assert (built.form, built.values, built.data) == (expected.form, expected.values, expected.data)
    without = {"wsgi.input", "SERVER_NAME", "werkzeug.request"}
    assert {key: value for key, value in built.environ.items() if key not in without} == {
        key: value for key, value in expected.environ.items() if key not in without
    }


def test_xml_of_ec2_is_that_of_xmltodict() -> None:
    content: dict[str, Any] = {
        "DescribeResponse": {
            "@xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
            "set": {"item": [{"name": "<a> & 'b' \"c\"", "count": 3, "on": True, "off": False}, {"empty": ""}, None]},
            "none": None,
            "no_items": [],
            "no_members": {},
            "ids": {"item": ["i-1", "i-2"]},
            "requestId": "59dbff89",
        }
    }
    patches = Patches()
    faster_xml.patch(patches)
    try:
        written = EC2Serializer._serialize_body(_Serializer(), content)  # type: ignore[arg-type]
    finally:
        patches.undo()
    assert written == xmltodict.unparse(content, full_document=True, short_empty_elements=True)


class _Serializer:
    pretty_print = False


def test_attribute_values_are_converted_as_moto_does() -> None:
    attributes: dict[str, Any] = {
        "id": {"S": "x"},
        "list": {"L": [{"N": "1"}, {"M": {"flag": {"BOOL": True}, "none": {"NULL": True}}}]},
        "bytes": {"B": "eA=="},
        "parts": {"BS": ["eA=="]},
        "names": {"SS": ["a", "b"]},
    }
    item = Item(DynamoType({"S": "x"}), None, attributes)
    result = {"Items": [item], "Item": item.to_json(), "Count": 1, "Attributes": item.attrs}
    assert faster_items.convert_attribute_values(dynamo_to_dict)(result) == dynamo_to_dict(result)
