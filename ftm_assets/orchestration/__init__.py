"""How assets run: fan-out, outputs, partitions, pools, dbt. Nothing here knows a method."""
