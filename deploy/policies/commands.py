"""Access to Run Command: the Command documents of the stage, on instances of the stage."""

from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from deploy.names import ResourceNames
from deploy.policies.statement import Statement
from ssm_documents.compose import list_document_names


def build_command_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements to run documents. Documents of another stage or of Amazon are not among the resources."""
    shipped = [name for name in list_document_names() if not name.startswith(CUSTOM_DOCUMENT_PREFIX)]
    documents = tuple(names.document_arn(name) for name in (*shipped, f"{CUSTOM_DOCUMENT_PREFIX}*"))
    return (
        Statement(
            sid="RunDocuments",
            actions=("ssm:DescribeDocument", "ssm:SendCommand"),
            resources=documents,
            reason="Run the documents of this stage, those of custom recipes included, and read their hashes.",
        ),
        Statement(
            sid="RunOnInstances",
            actions=("ssm:SendCommand",),
            resources=(names.arn("ec2", "instance/*"),),
            condition=names.build_tag_condition("ssm:resourceTag"),
            reason="Run documents on instances of this stage only.",
        ),
    )
