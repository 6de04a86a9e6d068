"""A stand-in for PyTorch: constant matrices, rows of numbers, and the GPUs that the pretend machine has."""

from collections.abc import Iterator, Sequence

from . import cuda, version
from .version import __version__

__all__ = ["Full", "Tensor", "__version__", "cuda", "ones", "tensor", "version"]


class Full:
    """A matrix of one number."""

    def __init__(self, value: float, shape: tuple[int, int]) -> None:
        self.value = value
        self.shape = shape

    def __matmul__(self, other: "Full") -> "Full":
        return Full(self.value * other.value * self.shape[1], (self.shape[0], other.shape[1]))

    def __getitem__(self, place: tuple[int, int]) -> float:
        del place
        return self.value


class Tensor:
    """Numbers in a row."""

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = [float(number) for number in numbers]

    def __iter__(self) -> Iterator[float]:
        return iter(self._numbers)

    def __float__(self) -> float:
        (number,) = self._numbers
        return number

    def reshape(self, size: int) -> "Tensor":
        """As it is: there is one dimension."""
        del size
        return self


def ones(shape: tuple[int, int], device: str = "cpu") -> Full:
    """On any device that there is."""
    cuda.check(device)
    return Full(1.0, shape)


def tensor(numbers: Sequence[float]) -> Tensor:
    """A row."""
    return Tensor(numbers)
