"""What can go wrong with documents and machines.

InvalidDocument            a document that CreateDocument would refuse
  DocumentTooLarge         ... because of its size alone
InvalidParameters          parameters that SendCommand would refuse
SandboxUnavailable         this computer gives no sandbox; the text says why
MachineHalted              the machine is not running, or went down under a call
  MachineRebooted          ... and comes up again
ConnectionRefusedError     (Python's own) nothing listens on that port of the machine
"""


class InvalidDocument(ValueError):
    """AWS's InvalidDocumentContent."""


class DocumentTooLarge(InvalidDocument):
    """AWS's MaxDocumentSizeExceeded."""


class InvalidParameters(ValueError):
    """AWS's InvalidParameters."""


class SandboxUnavailable(OSError):
    """No namespaces here. The text is a sentence for people."""


class MachineHalted(RuntimeError):
    """The machine does not run, or stopped while it was asked something."""


class MachineRebooted(MachineHalted):
    """The machine went down to come up again."""
