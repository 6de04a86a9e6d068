"""Errors of documents and machines.

InvalidDocument            a document that CreateDocument rejects
  DocumentTooLarge         ... because of its size
InvalidParameters          parameters that SendCommand rejects
SandboxUnavailable         this computer cannot run a sandbox; the message says why
MachineHalted              the machine is not running, or halted or rebooted during a call
ConnectionRefusedError     (Python's own) nothing listens on that port of the machine
"""


class InvalidDocument(ValueError):
    """CreateDocument would answer InvalidDocumentContent."""


class DocumentTooLarge(InvalidDocument):
    """CreateDocument would answer MaxDocumentSizeExceeded."""


class InvalidParameters(ValueError):
    """SendCommand would answer InvalidParameters."""


class SandboxUnavailable(OSError):
    """This computer cannot create namespaces. The message is a sentence for people."""


class MachineHalted(RuntimeError):
    """The machine is not running, or halted or rebooted during a call."""
