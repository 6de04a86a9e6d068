"""Transform a SAM template into plain CloudFormation, without AWS: what is checked here is what AWS gets."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

from deploy.cloudformation import Template


def transform(template: Template, region: str) -> Template:
    """Return a template without SAM. Parameters without defaults stay references.

    :param region: where the stack will be. The translator would ask the environment for it
    :raises samtranslator.model.exceptions.InvalidDocumentException: the template is not valid SAM
    """
    # The translator changes its input.
    source = copy.deepcopy(template)
    # The ids of deployments contain a digest, which AWS computes in this way, too.
    to_py27_compatible_template(source, {})
    translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=region))
    transformed: Template = undo_mark_unicode_str_in_template(translator.translate(source, parameter_values={}))
    transformed.pop("Transform", None)
    return transformed
