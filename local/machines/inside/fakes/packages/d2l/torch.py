"""What a first notebook needs of `d2l.torch`: a line fitted by stochastic gradient descent, in plain Python."""

import random
from collections.abc import Iterator

import torch

BATCH = 32


def cpu() -> str:
    """The CPU, as a device."""
    return "cpu"


def gpu(index: int = 0) -> str:
    """A GPU, as a device."""
    return f"cuda:{index}"


class SyntheticRegressionData:
    """Points around y = w x + b."""

    def __init__(self, w: torch.Tensor, b: float, noise: float = 0.01, num_train: int = 1000) -> None:
        rng = random.Random(0)
        inputs = [[rng.gauss(0, 1) for _ in w] for _ in range(num_train)]
        self.points = [(x, sum(map(float.__mul__, w, x)) + b + rng.gauss(0, noise)) for x in inputs]

    def batches(self) -> Iterator[list[tuple[list[float], float]]]:
        """All points, a batch at a time."""
        for begin in range(0, len(self.points), BATCH):
            yield self.points[begin : begin + BATCH]


class LinearRegression:
    """y = w x + b, whose w and b are learnt."""

    def __init__(self, lr: float) -> None:
        self.lr = lr
        self.w: list[float] = []
        self.b = 0.0

    def step(self, batch: list[tuple[list[float], float]]) -> None:
        """Down the gradient of half the squared error, averaged over the batch."""
        self.w = self.w or [0.0] * len(batch[0][0])
        errors = [sum(map(float.__mul__, self.w, x)) + self.b - y for x, y in batch]
        for place in range(len(self.w)):
            slope = sum(error * x[place] for error, (x, _) in zip(errors, batch, strict=True)) / len(batch)
            self.w[place] -= 2 * self.lr * slope
        self.b -= 2 * self.lr * sum(errors) / len(batch)

    def get_w_b(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What was learnt."""
        return torch.Tensor(self.w), torch.Tensor([self.b])


class Trainer:
    """Some epochs of it."""

    def __init__(self, max_epochs: int) -> None:
        self.max_epochs = max_epochs

    def fit(self, model: LinearRegression, data: SyntheticRegressionData) -> None:
        """Each epoch sees every point once."""
        for _ in range(self.max_epochs):
            for batch in data.batches():
                model.step(batch)
