"""The form of a region's name, for settings, requests and the local cloud."""

REGION_PATTERN = r"[a-z]{2,5}(-[a-z]{2,12}){1,2}-[0-9]{1,2}"
"""A regular expression without anchors, for example for us-east-1 and us-gov-west-1."""
