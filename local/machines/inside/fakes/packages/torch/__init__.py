"""Fake PyTorch with constant matrices, rows of numbers, and the machine's fake GPUs."""

from collections.abc import Iterator, Sequence

from . import cuda, version
from .version import __version__

__all__ = ["ConstantMatrix", "Tensor", "__version__", "cuda", "ones", "tensor", "version"]


class ConstantMatrix:
    """A matrix that contains one number everywhere."""

    def __init__(self, value: float, shape: tuple[int, int]) -> None:
        """Create the matrix."""
        self.value = value
        self.shape = shape

    def __matmul__(self, other: "ConstantMatrix") -> "ConstantMatrix":
        """Return the matrix product."""
        return ConstantMatrix(self.value * other.value * self.shape[1], (self.shape[0], other.shape[1]))

    def __getitem__(self, place: tuple[int, int]) -> float:
        """Return the number."""
        del place
        return self.value


class Tensor:
    """A row of numbers."""

    def __init__(self, numbers: Sequence[float]) -> None:
        """Create the row."""
        self._numbers = [float(number) for number in numbers]

    def __iter__(self) -> Iterator[float]:
        """Yield the numbers."""
        return iter(self._numbers)

    def __float__(self) -> float:
        """Return the only number."""
        (number,) = self._numbers
        return number

    def reshape(self, size: int) -> "Tensor":
        """Return itself, because it has one dimension."""
        del size
        return self


def ones(shape: tuple[int, int], device: str = "cpu") -> ConstantMatrix:
    """Return a matrix of ones.

    :raises RuntimeError: the device does not exist
    """
    cuda.check(device)
    return ConstantMatrix(1.0, shape)


def tensor(numbers: Sequence[float]) -> Tensor:
    """Return a row of numbers."""
    return Tensor(numbers)
