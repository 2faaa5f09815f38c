"""What earlier quarters took by stage, read from `run_costs` for a forecast.

What belongs here: which of the recorded runs count. Of each quarter and stage, it is the newest run that got it done,
with the attempts in it that failed: a quarter that was run five times tells of one. A run that took much of a stage's
work from earlier ones (saved parts, cached vectors, kept replies) does not count for that stage: its time is too short.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ftm_assets.cli.cost_forecast import Measured
from ftm_resources.tables.cost_tables import RUN_COSTS

if TYPE_CHECKING:
    from ftm_resources.warehouse import Warehouse

MOST_QUARTERS = 4
"""Newest quarters of which the mean is taken."""

_STAGES = """
    WITH of AS (SELECT * FROM run_costs WHERE (market = 'local') = $local),
    whole AS (SELECT DISTINCT quarter, run_id FROM of WHERE stage = $whole AND outcome = 'succeeded'),
    done AS (
        SELECT quarter, stage, arg_max(run_id, started_at) AS run_id FROM of
        WHERE outcome IN ('succeeded', 'running') AND is_shortened IS NOT TRUE
            -- Of every run, also of one that makes a single table: these tell of a quarter only beside all others.
            AND (stage NOT IN ('run', 'checks') OR (quarter, run_id) IN (SELECT (quarter, run_id) FROM whole))
        GROUP BY ALL
    )
    SELECT quarter, stage, coalesce(machine, ''), market, sum(seconds)
    FROM of JOIN done USING (quarter, stage, run_id) GROUP BY ALL
"""

_WHOLE = """
    SELECT DISTINCT quarter FROM run_costs
    WHERE (market = 'local') = $local AND stage = $whole AND outcome IN ('succeeded', 'running')
"""

_SIZES = """
    SELECT quarter, count(DISTINCT firm_id), count(*) FROM sentences GROUP BY quarter HAVING count(*) > 0
"""

WHOLE = "themes"
"""The stage without which a quarter tells nothing of a whole one."""


def measured(warehouse: Warehouse, *, on_aws: bool) -> Measured:
    """Return what the newest quarters took that ran on AWS, or else on machines of one's own; nothing if none did."""
    if not warehouse.exists():
        return Measured()
    with warehouse.connect(tables=(RUN_COSTS, "sentences"), newest=True) as db:
        of = {"local": not on_aws, "whole": WHOLE}
        rows = db.execute(_STAGES, of).fetchall()
        made = {quarter for (quarter,) in db.execute(_WHOLE, of).fetchall()}
        sizes = {quarter: (firms, n) for quarter, firms, n in db.execute(_SIZES).fetchall()} if made else {}
    whole = sorted(made & sizes.keys())[-MOST_QUARTERS:]
    if not whole:
        return Measured()
    seconds: defaultdict[str, defaultdict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    having: defaultdict[str, set[str]] = defaultdict(set)
    for quarter, stage, machine, market, s in rows:
        if quarter in whole:
            seconds[stage][machine, market] += s
            having[stage].add(quarter)
    return Measured(
        tuple(whole),
        sum(sizes[q][0] for q in whole) / len(whole),
        sum(sizes[q][1] for q in whole) / sum(sizes[q][0] for q in whole),
        {stage: {m: s / len(having[stage]) for m, s in of.items()} for stage, of in seconds.items()},
    )
