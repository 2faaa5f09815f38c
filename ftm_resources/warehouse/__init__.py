"""The tables in storage: the only room that knows Iceberg, S3 and locks. `Warehouse` is its front door."""

from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse

__all__ = ["MixedGenerationsWarning", "QuarterTable", "Warehouse", "WarehouseError"]
