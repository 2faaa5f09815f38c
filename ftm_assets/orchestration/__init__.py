"""How assets run: fan-out, outputs, partitions, pools, dbt. Nothing here implements a method."""
