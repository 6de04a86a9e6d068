"""Names of SSM documents. In SSM a document has one name for each account and region, so it carries the stage."""

_PREFIX = "gpudesk-"


def build_document_name(stage: str, document: str) -> str:
    """Return the name of a document in SSM: gpudesk-probe of the stage dev is gpudesk-dev-probe.

    :param document: its name in the recipes and in the records, which is the same in all stages
    :raises ValueError: the name does not begin with gpudesk-
    """
    if not document.startswith(_PREFIX):
        raise ValueError(f"{document!r} is not the name of a document of gpudesk: it must begin with {_PREFIX}")
    return f"{_PREFIX}{stage}-{document.removeprefix(_PREFIX)}"
