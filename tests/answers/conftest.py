"""The quarter that search is tested on, with an index."""

from tests.resources.retrieval.conftest import nothing_is_open, template, warehouse

__all__ = ["nothing_is_open", "template", "warehouse"]
