"""Table storage: the only package that knows about Iceberg, S3 and locks. Its entry point is `Warehouse`."""

from ftm_resources.warehouse.errors import MixedGenerationsWarning, WarehouseError
from ftm_resources.warehouse.warehouse import QuarterTable, Warehouse

__all__ = ["MixedGenerationsWarning", "QuarterTable", "Warehouse", "WarehouseError"]
