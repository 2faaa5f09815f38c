# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2. One theme through time
#
# A theme of one quarter is linked to the themes of the quarters before it, and so becomes a *series*: the same
# subject, quarter after quarter. This notebook follows one of them: how much is said about it, in what tone, which
# firms move it, and whether it is still the same subject at the end.
#
# **You need** two quarters or more; four are better. On the sample:
#
# ```sh
# for q in 2023Q1 2023Q2 2023Q3 2023Q4; do ftm run --quarter $q; done
# ```
#
# On your own calls, add `--calls PATH`. Make the oldest quarter first, since a series begins in its first quarter.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import t as student

from ftm_resources import connect

WORDS = ""  # words in the name of the series to follow, such as "freight"; empty: the longest and largest one

pd.set_option("display.max_colwidth", 300)
pd.set_option("display.precision", 3)
db = connect()
quarters = [q for (q,) in db.sql("SELECT DISTINCT quarter FROM theme_panel ORDER BY quarter").fetchall()]
print(f"{len(quarters)} quarters: {', '.join(quarters)}")
assert len(quarters) > 1, "One quarter has no history: run another one, e.g. ftm run --quarter 2023Q2"

# %% [markdown]
# ## Which series are there?
#
# `theme_panel` has a row for each series and quarter in which it has a theme. *Attention* is the share of all
# business sentences that are in the theme. A series that is missing in a quarter has no row: nothing was found,
# which is not the same as zero.

# %%
series = db.sql("""
    SELECT series_id, arg_max(series_name, quarter) AS name, count(*) AS n_quarters, sum(n_sentences) AS n_sentences,
        avg(attention) AS mean_attention, avg(score) AS mean_score
    FROM theme_panel WHERE n_sentences > 0 GROUP BY series_id ORDER BY n_quarters DESC, n_sentences DESC, series_id
""").df()
series.head(10)

# %%
chosen = series[series.name.str.contains(WORDS, case=False, regex=False)]
assert len(chosen), f"No series has {WORDS!r} in its name"
SERIES, NAME = chosen.iloc[0][["series_id", "name"]]
print(f"Following {NAME} ({SERIES})")

# %% [markdown]
# ## Is it one subject?
#
# Before you read a line through the quarters, check what it joins. `event` says how each quarter's theme came to
# the series, `similarity` how like the series' past it is (1: the same), and the keywords should stay about one
# subject. The own name of the theme may differ from that of the series, which changes only once the subject has
# moved.

# %%
history = db.execute(
    """
    SELECT l.quarter, l.event, l.similarity, t.name AS theme_name, array_to_string(t.keywords[1:6], ', ') AS keywords
    FROM theme_links l JOIN themes t USING (theme_id) WHERE l.series_id = ? ORDER BY l.quarter
    """,
    [SERIES],
).df()
history.set_index("quarter")

# %% [markdown]
# ## Attention and tone
#
# The band is the 95% interval of the tone. If the bands of two quarters do not overlap, the tone has changed; if
# they do, the picture alone does not show that it has. Nothing in a quarter depends on a later one, so the line is
# what you could have known at the time.

# %%
panel = (
    db.execute("SELECT * FROM theme_panel WHERE series_id = ? ORDER BY quarter", [SERIES])
    .df()
    .set_index("quarter")
    .reindex(quarters)
)
half = student.ppf(0.975, panel.score_df.astype(float)) * panel.score_se
at = np.arange(len(quarters))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.bar(at, 100 * panel.attention, color="silver", width=0.6)
left.set_ylabel("attention, % of business sentences")
right.axhline(0, color="grey", linewidth=0.8)
right.fill_between(at, panel.score - half, panel.score + half, color="gainsboro")
right.plot(at, panel.score, "o-", color="black", markersize=4)
right.set_ylabel("tone, with its 95% band")
for axes in (left, right):
    axes.set_xticks(at, quarters)
    axes.spines[["top", "right"]].set_visible(False)
figure.suptitle(NAME, x=0.01, ha="left", parse_math=False)
plt.show()
panel[["n_firms", "n_firms_measured", "n_sentences", "attention", "score", "score_se", "concentration"]]

# %% [markdown]
# ## Which firms move it?
#
# `firm_theme_panel` has every firm with a call, also those that say nothing of the theme: their attention is 0, and
# that is an observation. `attention_change` is the change since the firm was last measured, of the four quarters
# before.

# %%
firms = db.execute(
    """
    SELECT firm_name, previous_quarter, attention, attention_change, score, score_change, n_sentences
    FROM firm_theme_panel
    WHERE series_id = ? AND quarter = ? AND status = 'measured' AND attention_change IS NOT NULL
    ORDER BY abs(attention_change) DESC, firm_id LIMIT 8
    """,
    [SERIES, panel.dropna(subset=["attention"]).index[-1]],
).df()
firms

# %% [markdown]
# ## What was said
#
# The three most typical sentences of each quarter: those nearest to what all firms say about the theme.

# %%
db.execute(
    """
    SELECT e.quarter, e.text, e.firm_name, e.label
    FROM theme_evidence e JOIN theme_links l USING (theme_id) WHERE l.series_id = ? AND e.is_member
    QUALIFY row_number() OVER (PARTITION BY e.quarter ORDER BY e.strength DESC, e.sentence_id) <= 3
    ORDER BY e.quarter, e.strength DESC
    """,
    [SERIES],
).df().set_index("quarter")

# %% [markdown]
# ## What to do next
#
# - The same as a figure for a paper: `ftm figures 2023Q1 --to 2023Q4 --figure tone --theme "freight" --out
#   figures`.
# - All series, firms and quarters for Stata or R: `ftm export panel --out panel --format dta`.
# - To follow a subject of your own definition from the first quarter on, set `FTM_PINNED_THEMES`
#   (docs/through-time.md).
# - `docs/series.md` says how well links find the same theme again, and where they fail.
