"""`d2l.mxnet`: that it can be imported where MXNet can."""

import mxnet

__all__ = ["mxnet"]
