"""All asset checks: of contracts, firms, names and measures."""

import dagster as dg

from ftm_assets.checks.calls_read import calls_read
from ftm_assets.checks.cells import cells_add_up
from ftm_assets.checks.contracts import contract_checks
from ftm_assets.checks.degraded_names import degraded_names
from ftm_assets.checks.firm_loss import firm_loss
from ftm_assets.checks.measures import quality_limits
from ftm_assets.checks.one_class import one_class
from ftm_assets.orchestration.partitions import partitioned_checks
from ftm_resources.tables import NAMING_AUDITS, TABLES


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Return the checks of all tables."""
    with partitioned_checks():
        return [
            *(contract_checks(table) for table in TABLES.values()),
            calls_read(),
            firm_loss(),
            quality_limits(),
            one_class(),
            cells_add_up(),
            *(degraded_names(table) for table in NAMING_AUDITS),
        ]
