"""The quarter that search is tested on, with an index."""

from tests.resources.retrieval.conftest import nothing_is_open, warehouse

__all__ = ["nothing_is_open", "warehouse"]
