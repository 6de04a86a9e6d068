"""Errors of functions that run from the zip."""


class RuntimeMissing(Exception):
    """Functions of the zip cannot run on this computer. The message says why."""


class FunctionFailed(Exception):
    """An invocation ended with an error, as Lambda reports it.

    :ivar error_type: the class of the exception, or Lambda's own, such as `Sandbox.Timedout`
    """

    def __init__(self, function: str, error_type: str, message: str) -> None:
        """Create the error."""
        super().__init__(f"{function} failed with {error_type}: {message}")
        self.error_type = error_type
