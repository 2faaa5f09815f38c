"""The firms of the page: how much each said, its tone, and its tone beside that of others on the same subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftm_assets.report.cut_texts import NAME_CHARACTERS, cut
from ftm_assets.report.payload import Firm

if TYPE_CHECKING:
    import duckdb

# `peers` compares like with like: what the other firms' tone is in the themes that the firm spoke of, each weighted by
# the firm's own sentences. Sums of floating-point numbers are taken in an order, so that the page is the same bytes.
_ROWS = """
    WITH spoken AS (
        SELECT firm_id, count(*) AS n FROM sentence_kinds WHERE NOT is_procedural GROUP BY firm_id
    ), topics AS (
        SELECT firm_id, count(*) AS n FROM firm_topics GROUP BY firm_id
    ), members AS (
        SELECT firm_id, count(DISTINCT sentence_id) AS n FROM theme_sentences WHERE is_member GROUP BY firm_id
    ), parts AS (
        SELECT theme_id, firm_id, sum(n_sentences) AS n, sum(n_positive - n_negative) AS net
        FROM sentiment_scores GROUP BY ALL
    ), tones AS (
        SELECT firm_id, sum(net) / sum(n) AS score FROM parts GROUP BY firm_id
    ), ranked AS (
        SELECT firm_id, score,
            CASE WHEN count(*) OVER () > 1 THEN percent_rank() OVER (ORDER BY score) END AS rank
        FROM tones
    ), beside AS (
        SELECT *, sum(n) OVER theme - n AS others_n, sum(net) OVER theme - net AS others_net
        FROM parts WINDOW theme AS (PARTITION BY theme_id)
    ), peers AS (
        SELECT firm_id,
            sum(n * (others_net::DOUBLE / others_n) ORDER BY theme_id) / sum(n) AS score
        FROM beside WHERE others_n > 0 GROUP BY firm_id
    )
    SELECT f.firm_id, f.name, f.ticker, CAST(f.permno AS VARCHAR), f.gvkey, f.call_dates, coalesce(s.n, 0),
        coalesce(t.n, 0), coalesce(m.n, 0), round(r.score, 4), round(r.rank, 4), round(p.score, 4)
    FROM told_firms f
    LEFT JOIN spoken s USING (firm_id) LEFT JOIN topics t USING (firm_id) LEFT JOIN members m USING (firm_id)
    LEFT JOIN ranked r USING (firm_id) LEFT JOIN peers p USING (firm_id)
    ORDER BY f.firm
"""


def told_firms(db: duckdb.DuckDBPyConnection) -> tuple[Firm, ...]:
    """Return the firms in the page's order."""
    return tuple(
        Firm(
            firm_id=firm_id,
            name=cut(name, NAME_CHARACTERS),
            ticker=ticker,
            permno=permno,
            gvkey=gvkey,
            call_dates=tuple(days),
            n_sentences=n_sentences,
            n_topics=n_topics,
            n_members=n_members,
            score=score,
            rank=rank,
            peer_score=peer_score,
        )
        for (
            firm_id,
            name,
            ticker,
            permno,
            gvkey,
            days,
            n_sentences,
            n_topics,
            n_members,
            score,
            rank,
            peer_score,
        ) in db.execute(_ROWS).fetchall()
    )
