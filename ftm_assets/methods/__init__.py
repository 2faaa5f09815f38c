"""The science: plain functions on numpy arrays and pyarrow tables; no Dagster, no I/O, no clock."""
