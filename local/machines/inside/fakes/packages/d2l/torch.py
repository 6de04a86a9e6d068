"""Fake `d2l.torch` for a first notebook: linear regression by stochastic gradient descent in plain Python."""

import random
from collections.abc import Iterator

import torch

BATCH_SIZE = 32


def cpu() -> str:
    """Return the CPU as a device."""
    return "cpu"


def gpu(index: int = 0) -> str:
    """Return a GPU as a device."""
    return f"cuda:{index}"


class SyntheticRegressionData:
    """Points around y = w x + b."""

    def __init__(self, w: torch.Tensor, b: float, noise: float = 0.01, num_train: int = 1000) -> None:
        """Create the points."""
        rng = random.Random(0)
        inputs = [[rng.gauss(0, 1) for _ in w] for _ in range(num_train)]
        self.points = [(x, sum(map(float.__mul__, w, x)) + b + rng.gauss(0, noise)) for x in inputs]

    def batches(self) -> Iterator[list[tuple[list[float], float]]]:
        """Yield all points in batches."""
        for begin in range(0, len(self.points), BATCH_SIZE):
            yield self.points[begin : begin + BATCH_SIZE]


class LinearRegression:
    """Model y = w x + b with learned w and b."""

    def __init__(self, lr: float) -> None:
        """Create the model.

        :param lr: learning rate
        """
        self.lr = lr
        self.w: list[float] = []
        self.b = 0.0

    def step(self, batch: list[tuple[list[float], float]]) -> None:
        """Follow the gradient of half the squared error, averaged over the batch."""
        self.w = self.w or [0.0] * len(batch[0][0])
        errors = [sum(map(float.__mul__, self.w, x)) + self.b - y for x, y in batch]
        for place in range(len(self.w)):
            slope = sum(error * x[place] for error, (x, _) in zip(errors, batch, strict=True)) / len(batch)
            self.w[place] -= 2 * self.lr * slope
        self.b -= 2 * self.lr * sum(errors) / len(batch)

    def get_w_b(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the learned w and b."""
        return torch.Tensor(self.w), torch.Tensor([self.b])


class Trainer:
    """Trainer of a model for a number of epochs."""

    def __init__(self, max_epochs: int) -> None:
        """Create the trainer."""
        self.max_epochs = max_epochs

    def fit(self, model: LinearRegression, data: SyntheticRegressionData) -> None:
        """Train; each epoch uses every point once."""
        for _ in range(self.max_epochs):
            for batch in data.batches():
                model.step(batch)
