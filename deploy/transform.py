"""Transformation of a SAM template into plain CloudFormation, on this computer: tests and AWS get the same template."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

from deploy.cloudformation import Template


def transform(template: Template, region: str) -> Template:
    """Return a template without SAM. Parameters without defaults stay references.

    :param region: the region of the stack. Without it, the translator reads the environment
    :raises samtranslator.model.exceptions.InvalidDocumentException: the template is not valid SAM
    """
    # The translator changes its input.
    source = copy.deepcopy(template)
    # The ids of API deployments contain a digest of the template. AWS computes it of this form.
    to_py27_compatible_template(source, {})
    translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=region))
    transformed: Template = undo_mark_unicode_str_in_template(translator.translate(source, parameter_values={}))
    transformed.pop("Transform", None)
    return transformed
