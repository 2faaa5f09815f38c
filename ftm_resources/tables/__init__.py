"""Table contracts, without storage: `catalogue` lists them, `contract` defines what a contract is."""

from ftm_resources.tables.catalogue import NAMING_AUDITS, QUARTERLY, TABLES
from ftm_resources.tables.categories import COVERAGE_STEPS, LABELS, SENTENCE_KINDS
from ftm_resources.tables.contract import NAMESPACE, PARTITION, Column, ContractError, Table

__all__ = [
    "COVERAGE_STEPS",
    "LABELS",
    "NAMESPACE",
    "NAMING_AUDITS",
    "PARTITION",
    "QUARTERLY",
    "SENTENCE_KINDS",
    "TABLES",
    "Column",
    "ContractError",
    "Table",
]
