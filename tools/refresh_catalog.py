"""Read instance types, prices and images from AWS into the files of the catalog: `make catalog`.

    make catalog                                         # all regions of the account; writes chalicelib/data/catalog
    make catalog REGIONS=us-east-1,us-west-2 OUT=build/catalog
    make catalog OUT=build/catalog LOCAL=http://127.0.0.1:4566

It needs ec2:DescribeRegions, DescribeInstanceTypes, DescribeInstanceTypeOfferings and DescribeImages, ssm:GetParameter
and pricing:GetProducts. It changes nothing in the account.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any

import boto3

from chalicelib.aws.instance_types import describe_gpu_types, list_offered_types
from chalicelib.aws.price_list import PRICE_LIST_REGION, read_prices
from chalicelib.domain.catalog.document import CatalogDocument
from chalicelib.domain.catalog.families import choose_image_parameter
from chalicelib.domain.catalog.refresh import DescribedType, Refresh, merge_refresh
from chalicelib.store.data_files import load_catalog_document
from tools import catalog_page
from tools.aws_account import exit_on_aws_errors, fail, read_clock
from tools.catalog_files import CATALOG_FOLDER, write_catalog
from tools.catalog_report import report_refresh

SOURCE = "AWS: DescribeInstanceTypes, DescribeInstanceTypeOfferings and the Price List"

CreateClient = Callable[[Any, str], Any]
"""Function of a service and a region that returns an SDK client."""


def main(arguments: Sequence[str]) -> None:
    """Write the catalog with what AWS says today, and print what has changed."""
    parser = argparse.ArgumentParser(prog="make catalog", description="Read the catalog from AWS.")
    parser.add_argument("--regions", default="", help="regions with commas between; default: all of the account")
    parser.add_argument("--out", type=Path, default=CATALOG_FOLDER, help="folder of the files; default: the catalog")
    options = parser.parse_args(arguments)
    is_own = options.out.resolve() == CATALOG_FOLDER.resolve()
    if is_own and os.environ.get("AWS_ENDPOINT_URL"):
        fail("The local cloud does not say what AWS has. Name another folder: make catalog OUT=build/catalog LOCAL=URL")
    before = load_catalog_document()
    with exit_on_aws_errors("make catalog"):
        regions = [name for name in options.regions.split(",") if name] or list_regions(boto3.client)
        refresh = read_refresh(before, regions, boto3.client, read_clock().now().astimezone(UTC).date())
    after = merge_refresh(before, refresh)
    write_catalog(after, options.out)
    if is_own:
        catalog_page.write_page(after)
    sys.stdout.writelines(f"{line}\n" for line in report_refresh(before, after, refresh))
    sys.stdout.write(f"Written to {options.out}, from {len(regions)} regions.\n")


def list_regions(create_client: CreateClient) -> list[str]:
    """Return the regions that the account can use.

    :raises BotoCoreError, ClientError: EC2 cannot be called or rejects the call
    """
    regions = create_client("ec2", PRICE_LIST_REGION).describe_regions()["Regions"]
    return sorted(region["RegionName"] for region in regions)


def read_refresh(
    document: CatalogDocument, regions: Sequence[str], create_client: CreateClient, today: date
) -> Refresh:
    """Return what AWS says about the types of the catalog and about all other types with GPUs.

    :raises BotoCoreError, ClientError: AWS cannot be called or rejects a call
    """
    known = {facts.name for _, facts in document.list_types()}
    types: dict[str, DescribedType] = {}
    offers: dict[str, tuple[str, ...]] = {}
    for region in regions:
        client = create_client("ec2", region)
        types |= {each.facts.name: each for each in describe_gpu_types(client, known)}
        for name in set(list_offered_types(client)) & types.keys():
            offers[name] = (*offers.get(name, ()), region)
    pricing = create_client("pricing", PRICE_LIST_REGION)
    prices = {name: read_prices(pricing, name) for name in sorted(known | types.keys())}
    return Refresh(
        read_on=today,
        source=f"{SOURCE}, read in {len(regions)} regions",
        types=tuple(types[name] for name in sorted(types)),
        prices={name: by_region for name, by_region in prices.items() if by_region},
        regions=tuple(regions),
        offers=offers,
        image_sizes=dict(read_image_sizes(list_images(document, types.values()), regions[0], create_client)),
    )


def list_images(document: CatalogDocument, types: Iterable[DescribedType]) -> list[str]:
    """Return the public SSM parameters of all images that the types may be launched with."""
    parameters = {family.image for family in document.families.values() if family.image}
    new = {choose_image_parameter(each.facts.arch, each.gpu_maker) for each in types}
    return sorted(parameters | new | document.image_sizes.keys())


def read_image_sizes(parameters: Sequence[str], region: str, create_client: CreateClient) -> Iterator[tuple[str, int]]:
    """Yield the GiB of the root snapshot by parameter. An image that does not exist is left out.

    :raises BotoCoreError, ClientError: AWS cannot be called or rejects a call
    """
    ssm, ec2 = create_client("ssm", region), create_client("ec2", region)
    for parameter in parameters:
        try:
            image_id = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            continue
        for image in ec2.describe_images(ImageIds=[image_id])["Images"]:
            mappings = image.get("BlockDeviceMappings", ())
            sizes = [each["Ebs"]["VolumeSize"] for each in mappings if each["DeviceName"] == image["RootDeviceName"]]
            yield from ((parameter, size) for size in sizes)


if __name__ == "__main__":
    main(sys.argv[1:])
