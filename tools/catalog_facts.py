"""Facts about AWS's instance types that the collected CSV files do not contain, written by hand.

They are CPU types, prices of disks and addresses, images, and types that gpudesk cannot launch, with the reason.
"""

from collections.abc import Mapping

PRICED_AT = "2026-11-23"
"""Day on which the prices were collected. gpudesk shows it with every price."""

SOURCE = (
    "On-demand Linux list prices, collected on the day that priced_at names, from stored copies (SkyPilot's catalog v8 "
    "and v9, Karpenter's generated prices of 2026-07), not read from AWS. CPU types in us-east-1: t3 from Karpenter, "
    "m7g.large from a public page of 2026-06. Their other prices and those of disks, snapshots and addresses are from "
    "memory."
)

DLAMI = "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-{release}/latest/ami-id"
UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/{arch}/hvm/ebs-gp2/ami-id"

UBUNTU_1804 = "/aws/service/canonical/ubuntu/server/18.04/stable/current/{arch}/hvm/ebs-gp2/ami-id"
"""Image of the recipe d2l-mxnet."""

IMAGE_GIB = {
    **{UBUNTU.format(arch=arch): 8 for arch in ("amd64", "arm64")},
    **{UBUNTU_1804.format(arch=arch): 8 for arch in ("amd64", "arm64")},
    **{DLAMI.format(arch=arch, release=release): 35 for arch in ("x86_64", "arm64") for release in ("22.04", "24.04")},
}
"""Estimated GiB of the snapshots of the images. AWS publishes none, and no public source for those of today was found.

Deep Learning images hold several CUDA trees of about 10 GB each (https://github.com/guardian/amigo/pull/1828). Each
launch reads the real size, and adds the free space to that. Without an estimate, a request that exceeds the limit of
disks would only be noticed after the launch.
"""

DISK_USD_PER_GIB_MONTH = {
    "eu-central-1": "0.0952",
    "eu-west-1": "0.088",
    "us-east-1": "0.08",
    "us-east-2": "0.08",
    "us-west-2": "0.08",
}
"""Prices of gp3. A region that is not listed has the highest of these, because too high is better than too low."""

SNAPSHOT_USD_PER_GIB_MONTH = {
    "eu-central-1": "0.054",
    "eu-west-1": "0.05",
    "us-east-1": "0.05",
    "us-east-2": "0.05",
    "us-west-2": "0.05",
}
"""Prices of the standard tier, from memory like those of disks. https://aws.amazon.com/ebs/pricing/"""

ADDRESS_USD_PER_HOUR = "0.005"

STANDARD_QUOTA = "L-1216C47A"
CPU_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
CPU_TYPES: tuple[tuple[str, int, int, str, tuple[str, str, str, str]], ...] = (
    ("t3.medium", 2, 4, "x86_64", ("0.0416", "0.0416", "0.0456", "0.048")),
    ("t3.large", 2, 8, "x86_64", ("0.0832", "0.0832", "0.0912", "0.096")),
    ("m7i.large", 2, 8, "x86_64", ("0.1008", "0.1008", "0.11235", "0.12075")),
    ("m7i.xlarge", 4, 16, "x86_64", ("0.2016", "0.2016", "0.2247", "0.2415")),
    ("c7i.2xlarge", 8, 16, "x86_64", ("0.357", "0.357", "0.3822", "0.4074")),
    ("m7g.large", 2, 8, "arm64", ("0.0816", "0.0816", "0.091", "0.0978")),
)
"""Name, vCPUs, GiB, architecture, USD per hour in each of CPU_REGIONS. People without a GPU quota can use them."""

RETIRED = "AWS no longer offers {name} ({gpu}). Use {instead}."
PROPRIETARY = (
    "{name} ({gpu}) needs NVIDIA's proprietary driver, which the image that gpudesk launches no longer contains. "
    "Use {instead}."
)
SLICE = (
    "{name} has a slice of an {gpu}. It needs NVIDIA's GRID driver, which no image of gpudesk contains. Use {instead}."
)
RACK = (
    "AWS sells {name} only as part of a rack (UltraServer) by Capacity Blocks, which gpudesk cannot book. "
    "Use {instead}."
)
UNPRICED = (
    "AWS sells {name} by Capacity Blocks. No on-demand price of it is known in any region, so gpudesk cannot say what "
    "it costs. Use {instead}."
)
BLOCKED_FAMILIES: Mapping[str, tuple[str, str]] = {
    "g2": (RETIRED, "g4dn.xlarge (T4)"),
    "g3": (RETIRED, "g4dn.xlarge (T4)"),
    "g3s": (RETIRED, "g4dn.xlarge (T4)"),
    "p2": (RETIRED, "g4dn.xlarge (T4)"),
    "p3": (PROPRIETARY, "g4dn (T4) or g5 (A10G)"),
    "p3dn": (PROPRIETARY, "g5.48xlarge (8 A10G) or p4d.24xlarge (8 A100)"),
    "g6f": (SLICE, "g6.xlarge (one whole L4)"),
    "gr6f": (SLICE, "gr6.4xlarge (one whole L4)"),
    "p6e-gb200": (RACK, "p6-b200.48xlarge (8 B200)"),
    "p6e-gb300": (RACK, "p6-b300.48xlarge (8 B300)"),
}
"""Families that gpudesk cannot launch: the message, and the types to use instead."""

ALTERNATIVE_TO_UNPRICED = "p5en.48xlarge (8 H200)"

DISPUTED_PEAKS = {("B300", "fp16_bf16_tflops")}
"""Peaks that the catalog leaves out. Their sources differ by a factor of two, and a wrong peak is worse than none."""
