"""Read the quotas of a region and their use. The last reading stays if this one fails."""

import logging
from datetime import datetime

from chalicelib.aws.quotas import Quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.offers.quotas import QuotaReading, count_foreign_use, count_use

LOG = logging.getLogger(__name__)


def read_quotas(quotas: Quotas, catalog: InstanceTypeCatalog, region: str, now: datetime) -> QuotaReading | None:
    """Return the quotas and their use; None: one of them could not be read, which is logged."""
    try:
        limits, instances = quotas.read_limits(region), quotas.list_running(region)
    except AwsError as error:
        LOG.error("The quotas of %s could not be read: %s", region, error.description)
        return None
    except Exception:
        LOG.exception("The quotas of %s could not be read. The last ones are kept.", region)
        return None
    return QuotaReading(
        read_at=now,
        limits=limits,
        use=count_use(instances, catalog.types),
        foreign_use=count_foreign_use(instances, catalog.types),
    )
