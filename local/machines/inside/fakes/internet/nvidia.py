"""Fake pin file and local repository of CUDA 10.1: a valid .deb with a key, and an index with the name of a package."""

import gzip
import io
import tarfile

from local.machines.inside.fakes.nvidia_repository import KEY, PACKAGES, RELEASE

SITE = "https://developer.download.nvidia.com/compute/cuda"
PIN = f"{SITE}/repos/ubuntu1804/x86_64/cuda-ubuntu1804.pin"
DEB = f"{SITE}/10.1/Prod/local_installers/cuda-repo-ubuntu1804-10-1-local-10.1.243-418.87.00_1.0-1_amd64.deb"
FOLDER = "var/cuda-repo-10-1-local-10.1.243-418.87.00"

PINNED = b"Package: *\nPin: release l=NVIDIA CUDA\nPin-Priority: 600\n"


def find_content(url: str) -> bytes | None:
    """Return the pin file or the repository; None for any other URL."""
    return {PIN: PINNED, DEB: _build_deb()}.get(url)


def _build_deb() -> bytes:
    files = {"7fa2af80.pub": KEY, "Packages": PACKAGES, "Release": RELEASE}
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _build_tar({"./control": b"Package: cuda-repo-ubuntu1804-10-1-local\nVersion: 1.0-1\n"}),
        "data.tar.gz": _build_tar({f"./{FOLDER}/{name}": text for name, text in files.items()}),
    }
    packed = b"!<arch>\n"
    for name, text in members.items():
        packed += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(text):<10}`\n".encode() + text + b"\n" * (len(text) % 2)
        )
    return packed


def _build_tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, io.BytesIO(text))
    return gzip.compress(packed.getvalue(), mtime=0)
