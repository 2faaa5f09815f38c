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
# # 4. From an event-study panel to a regression table
#
# Do prices move when firms speak about a theme in a better tone? This notebook builds the panel of calls, runs the
# regression with standard errors clustered by firm, prints a table as a paper has it, and compares it with FTM's
# own `event_study`, which does the same for every theme at once and adds what many themes need: placebos, days
# before the call, and p-values adjusted for the number of themes.
#
# **You need** quarters with returns, and more is better: a single quarter of the sample has too few calls.
#
# ```sh
# pip install -c constraints.txt -e '.[returns]'
# for q in 2023Q1 2023Q2 2023Q3 2023Q4; do ftm run --quarter $q; done
# ```
#
# The sample has returns of its own, in which **we know the truth**. With tone from −1 to 1, a tone of 1 about
#
# - *guidance* adds 3% to the return of day 0;
# - *pricing* adds 2% on day 0 and 1% on day 1;
# - *input costs* adds 2% on day 1;
# - *labor* adds 3% on day 0, but only for calls after the close;
# - *debt* adds 0.15% on each of days 2 to 61, which the window used here does not see;
#
# and tone about any other theme moves nothing. For your own calls, set `FTM_RETURNS_SOURCE` to `wrds` or `files`
# (docs/market-data.md); nobody knows the truth there.

# %%
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from statsmodels.iolib.summary2 import summary_col

from ftm_resources import connect

MODEL, WINDOW = "carhart", "[0,+1]"

pd.set_option("display.max_colwidth", 60)
pd.set_option("display.precision", 4)
db = connect()

# %% [markdown]
# ## The panel
#
# One row per call: its abnormal return over the window, its tone over all themes together, and what was known of
# the firm when the call began. Day 0 is the first trading day whose close comes after the call has begun, so a call
# after the close belongs to the next day. Calls without a return are counted, with the reason, rather than dropped
# in silence.

# %%
panel = db.execute(
    """
    SELECT r.quarter, r.firm_id, r.transcript_id, r.event_date, 100 * r.car AS car, r.reason, tone.score AS tone,
        c.sue, c.log_size, c.momentum
    FROM abnormal_returns r
    LEFT JOIN (
        SELECT transcript_id, (sum(n_positive) - sum(n_negative)) / sum(n_sentences) AS score
        FROM sentiment_scores GROUP BY transcript_id
    ) tone USING (transcript_id)
    LEFT JOIN controls c USING (transcript_id)
    WHERE r.model = ? AND r."window" = ? ORDER BY r.transcript_id
    """,
    [MODEL, WINDOW],
).df()
print(f"{len(panel)} calls of {panel.firm_id.nunique()} firms in {panel.quarter.nunique()} quarters")
print("without a return:", panel.reason.value_counts().to_dict() or "none")
unscored = sorted(
    set(panel.quarter) - set(db.sql("SELECT DISTINCT quarter FROM sentiment_scores").df().quarter)
)
is_scored = ~panel.quarter.isin(unscored)
print("without a tone (no sentence in a theme):", int((panel.tone.isna() & is_scored).sum()))
print("in quarters without scores:", int((~is_scored).sum()), *unscored)
calls = panel.dropna(subset=["car", "tone"]).reset_index(drop=True)
assert len(calls) >= 30, "Too few calls with a return: run more quarters, or set a source of returns"
calls[["car", "tone", "sue", "log_size", "momentum"]].describe().T

# %% [markdown]
# ## Look before you regress
#
# Each dot is a call; the large ones are the means of five groups of calls, from the lowest to the highest tone.

# %%
groups = calls.groupby(pd.qcut(calls.tone, 5, duplicates="drop"), observed=True)[["tone", "car"]].mean()
figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.axhline(0, color="grey", linewidth=0.8)
axes.plot(calls.tone, calls.car, ".", color="silver", label="a call")
axes.plot(groups.tone, groups.car, "o", color="black", label="mean of a fifth of the calls")
axes.set_xlabel("tone of the call, all themes")
axes.set_ylabel(f"CAR{WINDOW}, %")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## The regression table
#
# A firm's calls are not independent of each other, so standard errors are clustered by firm. The columns ask
# whether the coefficient survives what else may move returns: quarters in which all firms did well (2), and the
# earnings surprise, size and momentum (3). Column 3 keeps only calls for which all three are known, so part of its
# difference is another sample.


# %%
def clustered(formula: str, rows: pd.DataFrame):
    """Estimate by least squares, with errors clustered by firm and Student's t for few clusters."""
    groups = rows.firm_id.astype("category").cat.codes
    return smf.ols(formula, rows).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)


complete = calls.dropna(subset=["sue", "log_size", "momentum"])
quarter_effects = " + C(quarter)" if calls.quarter.nunique() > 1 else ""
fits = [
    clustered("car ~ tone", calls),
    clustered(f"car ~ tone{quarter_effects}", calls),
    clustered(f"car ~ tone + sue + log_size + momentum{quarter_effects}", complete),
]
table = summary_col(
    fits,
    model_names=["(1)", "(2)", "(3)"],
    stars=True,
    float_format="%.3f",
    regressor_order=["tone", "sue", "log_size", "momentum"],
    drop_omitted=True,
    info_dict={
        "Calls": lambda fit: f"{int(fit.nobs)}",
        "Firms": lambda fit: f"{len(np.unique(fit.cov_kwds['groups']))}",
        "Quarter effects": lambda fit: "yes" if any("quarter" in n for n in fit.params.index) else "no",
    },
)
table

# %% [markdown]
# Stars mark 10, 5 and 1%; standard errors are in brackets. `tone` is the change of the abnormal return, in
# percentage points, from neutral calls (0) to calls with only positive sentences (1). For the paper:
# `print(table.as_latex())`.
#
# ## Which theme is it?
#
# An upbeat management is upbeat about most subjects, so a theme that moves nothing seems to move returns if another
# one does. FTM's `event_study` tests each series of themes with at least 30 calls, also with the call's tone about
# all its *other* themes held constant (`score_given_call`). It is made on demand, from all quarters up to the one
# named:

# %%
last = calls.quarter.max()
made = subprocess.run(  # noqa: S603
    [sys.executable, "-m", "dagster", "asset", "materialize", "-m", "ftm_assets.definitions",
     "--select", "event_study", "--partition", last],
    capture_output=True, text=True, check=False,
)  # fmt: skip
assert made.returncode == 0, made.stderr[-2000:]

# %%
study = (
    connect(quarter=last)
    .execute(
        """
    SELECT series_id, series_name, tone, sample, n_events, 100 * coefficient AS coefficient,
        100 * std_error AS std_error, t, p, q_value, p_romano_wolf, reason
    FROM event_study
    WHERE definition = 'quarter' AND model = ? AND ("window" = ? OR sample = 'pre_event') AND controls = 'none'
    """,
        [MODEL, WINDOW],
    )
    .df()
)
pooled = study[(study.series_id == "pooled") & (study.tone == "score")].set_index("sample")
pooled[["n_events", "coefficient", "std_error", "t", "p"]].loc[["event", "pre_event", "placebo"]]

# %% [markdown]
# The first row is the regression of column 1, from FTM's own table: the same coefficient, with errors clustered by
# firm *and* by date. The other two should show nothing: the days before the call, and days without a call.

# %%
difference = abs(pooled.loc["event", "coefficient"] - fits[0].params["tone"])
print(f"event_study less column (1): {difference:.1e}")
assert difference < 1e-6

# %% [markdown]
# Now by theme, strongest first. With many themes some are significant by chance: go by `q_value` (share of false
# discoveries) or `p_romano_wolf` (any false discovery), not by `p`. On the sample, hold the names against the list
# of planted effects above. Themes that are not on it should have small coefficients under `score_given_call`.

# %%
tests = study[(study["sample"] == "event") & (study.series_id != "pooled") & study.t.notna()]
by_theme = tests.pivot_table(index="series_name", columns="tone", values=["coefficient", "t", "q_value"])
n_untested = study[(study["sample"] == "event") & study.reason.notna()].series_id.nunique()
print(f"{tests.series_id.nunique()} series tested; {n_untested} have too few calls (min_events is 30)")
by_theme.iloc[by_theme[("t", "score")].abs().argsort()[::-1]].head(10) if len(by_theme) else by_theme

# %% [markdown]
# ## What to do next
#
# - Draw the paths of returns around calls for a paper: `ftm figures 2023Q1 --to 2023Q4 --figure car --out figures`.
# - Hold controls constant in `event_study` too, or test other windows: its config has `controls`, `models` and
#   `windows` (docs/returns.md). Each window that you try is another test; say in the paper how many you tried.
# - The themes of a quarter are made from all its calls, later ones included. Rows with `definition =
#   'known_before'` use only themes known before the call: if they agree, the look-ahead does not matter.
# - Take the panel to Stata: `ftm export panel --out panel --format dta --of call`.
