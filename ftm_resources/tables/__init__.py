"""What the tables promise: contracts only, no storage. `catalogue` is the list, `contract` what a contract is."""

from ftm_resources.tables.catalogue import (
    COVERAGE_STEPS,
    LABELS,
    NAMING_AUDITS,
    TABLES,
)
from ftm_resources.tables.contract import NAMESPACE, PARTITION, Column, ContractError, Table

__all__ = [
    "COVERAGE_STEPS",
    "LABELS",
    "NAMESPACE",
    "NAMING_AUDITS",
    "PARTITION",
    "TABLES",
    "Column",
    "ContractError",
    "Table",
]
