"""`mxnet.np`: as much as the chapter's check and a first notebook use."""

from . import npx


class Filled:
    """An array of one number."""

    def __init__(self, number: float, shape: tuple[int, int], ctx: npx.Device) -> None:
        ctx.check()
        self.number = number
        self.shape = shape
        self.ctx = ctx

    def sum(self) -> float:
        """Of all."""
        return self.number * self.shape[0] * self.shape[1]


def zeros(shape: tuple[int, int], ctx: npx.Device | None = None) -> Filled:
    """On a device that there is."""
    return Filled(0.0, shape, ctx or npx.cpu())


def ones(shape: tuple[int, int], ctx: npx.Device | None = None) -> Filled:
    """On a device that there is."""
    return Filled(1.0, shape, ctx or npx.cpu())
