"""Fake `d2l.mxnet`, which can be imported if MXNet can."""

import mxnet

__all__ = ["mxnet"]
