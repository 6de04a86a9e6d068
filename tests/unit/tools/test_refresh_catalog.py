"""`make catalog` against responses that botocore's models of the services accept."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto.ec2.models.instance_types import INSTANCE_TYPES

from chalicelib.domain.catalog.document import build_catalog
from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.refresh import Refresh, merge_refresh
from chalicelib.store.data_files import read_catalog_document
from tests.unit.catalog.small_catalog import build_small_document
from tools import refresh_catalog
from tools.catalog_files import write_catalog
from tools.catalog_report import report_refresh
from tools.refresh_catalog import read_refresh

TODAY = date(2027, 3, 1)
NEW_IMAGE = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
NEW_TYPE = {**INSTANCE_TYPES["g4dn.xlarge"], "InstanceType": "g9.xlarge"}
GAUDI = {
    **INSTANCE_TYPES["t3.large"],
    "InstanceType": "dl1.24xlarge",
    "GpuInfo": {"Gpus": [{"Name": "Gaudi", "Manufacturer": "Habana"}]},
}


def create_client(service: str, region: str) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client(service, region, **keys)  # type: ignore[call-overload]


@pytest.fixture
def account() -> Iterator[dict[tuple[str, str], Any]]:
    """Two regions, of which the second offers the new type, too."""
    clients = {(name, region): create_client(name, region) for name in ("ec2", "ssm") for region in ("r-1", "r-2")}
    clients["pricing", "us-east-1"] = create_client("pricing", "us-east-1")
    with ExitStack() as stack:
        stubs = {key: stack.enter_context(Stubber(client)) for key, client in clients.items()}
        for region in ("r-1", "r-2"):
            types = [NEW_TYPE, INSTANCE_TYPES["t3.large"], GAUDI]
            stubs["ec2", region].add_response("describe_instance_types", {"InstanceTypes": types})
            offers = [{"InstanceType": name, "Location": region} for name in ("g9.xlarge", "m7g.large")]
            stubs["ec2", region].add_response("describe_instance_type_offerings", {"InstanceTypeOfferings": offers})
        for name in ("g9.xlarge", "old.large", "x1.huge", "x1.large", "x1.small"):
            response = {"PriceList": [json.dumps(build_product())] if name == "g9.xlarge" else []}
            wanted = {"ServiceCode": "AmazonEC2", "Filters": ANY}
            stubs["pricing", "us-east-1"].add_response("get_products", response, wanted)
        image = {"RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [build_mapping("/dev/sda1", 45)]}
        stubs["ssm", "r-1"].add_response("get_parameter", {"Parameter": {"Value": "ami-1"}}, {"Name": NEW_IMAGE})
        stubs["ssm", "r-1"].add_client_error("get_parameter", "ParameterNotFound", expected_params={"Name": "/image"})
        stubs["ec2", "r-1"].add_response("describe_images", {"Images": [image]}, {"ImageIds": ["ami-1"]})
        yield clients
        for stub in stubs.values():
            stub.assert_no_pending_responses()


def build_product() -> dict[str, Any]:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": "0.9000000000"}}
    return {
        "product": {"attributes": {"instanceType": "g9.xlarge", "regionCode": "r-1"}},
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
    }


def build_mapping(device: str, gib: int) -> dict[str, Any]:
    return {"DeviceName": device, "Ebs": {"VolumeSize": gib}}


def test_types_prices_and_images_are_read_written_and_reported(
    account: dict[tuple[str, str], Any], tmp_path: Path
) -> None:
    before = build_small_document()
    refresh = read_refresh(before, ["r-1", "r-2"], lambda service, region: account[service, region], TODAY)
    assert [each.facts.name for each in refresh.types] == ["g9.xlarge"], "no type without GPU, and no Gaudi"
    assert (refresh.regions, refresh.offers) == (("r-1", "r-2"), {"g9.xlarge": ("r-1", "r-2")})
    assert refresh.image_sizes == {NEW_IMAGE: 45}
    after = merge_refresh(before, refresh)
    write_catalog(after, tmp_path)
    assert read_catalog_document(tmp_path) == after
    new = build_catalog(after).get_type("g9.xlarge")
    assert (new.prices, new.unpriced_regions, new.image) == ({"r-1": Decimal("0.9")}, ("r-2",), NEW_IMAGE)
    lines = list(report_refresh(before, after, refresh))
    assert lines[:3] == [
        "new GPU: T4. Write its compute capability and peaks into gpus.json.",
        "new family: g9. Check its quotas and its image in families.json.",
        "new type: g9.xlarge",
    ]
    assert "price changed: g9.xlarge in r-1" in lines
    assert (
        "not described in any region: x1.large. If AWS has withdrawn it, set its family to legacy or retired." in lines
    )
    assert "not found: image /image" in lines
    assert lines[-1].startswith("5 types, ")


def test_changed_facts_are_reported() -> None:
    before = build_small_document()
    family = before.families["x1"]
    facts = replace(family.types["x1.large"], vcpus=8)
    changed = replace(family, status=FamilyStatus.LEGACY, types={**family.types, "x1.large": facts})
    after = replace(before, families={**before.families, "x1": changed})
    assert list(report_refresh(before, after, Refresh(read_on=TODAY, source="AWS", image_sizes={"/image": 8})))[
        :-1
    ] == [
        "changed: family x1 is legacy, was current",
        "changed: x1.large vcpus is 8, was 4",
    ]


def test_local_cloud_cannot_replace_the_catalog(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SystemExit):
        refresh_catalog.main([])
    assert capsys.readouterr().err.startswith("The local cloud does not say what AWS has. Name another folder: ")
