"""What `ftm run` says about the returns of a quarter, its portfolios, and its event study, which is made on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.cli import screen

if TYPE_CHECKING:
    import duckdb

    from ftm_resources.warehouse import Warehouse

NAME = "event_study"


def returns(db: duckdb.DuckDBPyConnection) -> str:
    """Return how many calls have abnormal returns. Reads abnormal_returns."""
    n, n_with = db.execute(
        "SELECT count(DISTINCT transcript_id), count(DISTINCT transcript_id) FILTER (reason IS NULL) "
        "FROM abnormal_returns"
    ).fetchone() or (0, 0)
    if not n:
        return "none: no source of market data (FTM_RETURNS_SOURCE)"
    return f"{n_with:,} of {screen.count(n, 'call')} with abnormal returns; why not, in abnormal_returns"


def portfolios(db: duckdb.DuckDBPyConnection) -> str:
    """Return what the pooled portfolios earned, high less low; empty without any. Reads portfolio_sorts, _members."""
    found = db.execute(
        "SELECT alpha, t, n_days, reason FROM portfolio_sorts WHERE series_id = 'pooled' AND portfolio = 'long_short' "
        "AND weighting = 'value' AND model = 'ff3' AND coalesce(definition, 'quarter') = 'quarter'"
    ).fetchone()
    n, n_sorted = db.execute(
        "SELECT count(*), count(portfolio) FROM portfolio_members WHERE series_id = 'pooled' "
        "AND coalesce(definition, 'quarter') = 'quarter'"
    ).fetchone() or (0, 0)
    if not n:
        return ""
    said = f"{n_sorted:,} of {screen.count(n, 'call')} sorted by tone"
    if found is None:
        return said
    alpha, t, n_days, reason = found
    if alpha is None:
        return f"{said}; no alpha of high less low yet: {reason}"
    return f"{said}; high less low: {100 * alpha:+.3f}% a day (t = {t:.1f}, {n_days:,} days; ff3, by value)"


def event_study(warehouse: Warehouse, quarter: str) -> str:
    """Return how many series are significant, or how to have them tested; empty without abnormal returns."""
    from ftm_assets.methods.returns.event_windows import Window
    from ftm_resources.tables.categories import LEVEL, RETURN_MODELS, THEME_DEFINITIONS, TONES

    pinned = warehouse.pin()
    present = pinned.present(quarter)
    if present("abnormal_returns") is None:
        return ""
    command = f"dg launch --assets {NAME} --partition {quarter}"
    if present(NAME) is None:
        return f"not made; {command} tests each series over all quarters up to {quarter}"
    if pinned.mixtures(quarter, [NAME]):
        return f"outdated; make it again with {command}"
    columns = ["definition", "model", "window", "tone", "sample", "p", "q_value", "p_romano_wolf", "controls"]
    rows = warehouse.quarter(NAME, quarter, pinned=pinned).read(columns).to_pylist()
    tests = [r for r in rows if r["q_value"] is not None and r["controls"] in {None, "none"}]
    families = {tuple(r[c] for c in columns[:4]) for r in tests if r["sample"] == "event"}
    if not families:
        return "no series has enough events to be tested; see reason in event_study"
    # The plainest: themes of the quarter, the score, the last model, the shortest window; as on the quarter's page.
    chosen = min(
        families,
        key=lambda f: (
            THEME_DEFINITIONS.index(f[0]),
            TONES.index(f[3]),
            -RETURN_MODELS.index(f[1]),
            Window.parse(f[2]).length,
            f,
        ),
    )
    own = {
        sample: [r for r in tests if tuple(r[c] for c in columns[:4]) == chosen and r["sample"] == sample]
        for sample in ("event", "placebo")
    }
    n = len(own["event"])
    found, placebo = (sum(r["p"] < LEVEL for r in rows_of) for rows_of in own.values())
    strict = sum(r["p_romano_wolf"] < LEVEL for r in own["event"])
    return (
        f"{found} of {n} series significant at {LEVEL:.0%} ({LEVEL * n:.1f} by chance, {placebo} of the placebo), "
        f"{strict} by Romano-Wolf: {chosen[1]} {chosen[2]}, {chosen[3]}; more in event_study"
    )
