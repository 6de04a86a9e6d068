"""Find the zones that EC2 names in the text of an answer."""

import re


def find_zones(text: str, region: str) -> tuple[str, ...]:
    """Return the zones of a region that a text names, each once, in the order of the text.

    The text of InsufficientInstanceCapacity often ends with "You can currently get g5.xlarge capacity by [...] choosing
    us-east-1a, us-east-1b." Zones of other regions, Local Zones (us-east-1-atl-1a) and zones whose letters somebody has
    masked do not match.
    """
    zones = re.findall(rf"(?<![a-z0-9-]){re.escape(region)}[a-z](?![a-z0-9-])", text)
    return tuple(dict.fromkeys(zones))
