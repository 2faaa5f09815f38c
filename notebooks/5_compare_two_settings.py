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
# # 5. Change a setting and compare two materializations
#
# How many themes a quarter has is a choice of yours, not a fact. A result should not hang on it. This notebook
# makes the themes of a quarter with a second setting and compares: which themes are the same, which were split or
# joined, whether quality changes, and whether the tone of a theme does.
#
# It works on a **copy** of your warehouse, so that nothing you have is changed. In the copy, the first state is
# kept by a *tag*; any later state can then be read beside it. The same two commands work on the warehouse itself.
#
# **You need** one quarter (`make run`). Only what comes after the setting is computed again: here the themes and
# all that is made from them, but not the topics and not the sentences.

# %%
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from ftm_resources import connect

QUARTER = "2023Q1"
SETTING = {"granularity": 0.8}  # config of the asset `themes`; the default is 1.6: fewer, wider themes
LABEL = ", ".join(f"{name} {value:g}" for name, value in SETTING.items())

pd.set_option("display.max_colwidth", 60)
pd.set_option("display.precision", 3)
warehouse = Path(os.environ.get("FTM_WAREHOUSE", "warehouse"))
scratch = Path(tempfile.mkdtemp(prefix="ftm-compare-"))
shutil.copytree(warehouse, scratch / "warehouse")
environment = os.environ | {"FTM_WAREHOUSE": str(scratch / "warehouse")}


def command(*arguments: str) -> str:
    """Run a command on the copy and return what it prints; stop with its message if it fails."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# %% [markdown]
# ## Keep the first state, then make the second
#
# In a terminal these are `ftm tag 2023Q1 default-themes` and
#
# ```sh
# dg launch --assets 'themes*' --partition 2023Q1 --config-json '{"ops": {"themes": {"config": {"granularity": 0.8}}}}'
# ```
#
# `themes*` means the themes and everything downstream. The setting is recorded with the rows, as the next cell
# shows.

# %%
print(command("ftm_assets.cli", "tag", QUARTER, "default-themes"))
config = json.dumps({"ops": {"themes": {"config": SETTING}}})
command(
    "dagster", "asset", "materialize", "-m", "ftm_assets.definitions",
    "--select", "themes*", "--partition", QUARTER, "--config-json", config,
)  # fmt: skip
# Of tables that do not go together, connect() would show an older state and warn: stop there instead.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    first = connect(scratch / "warehouse", quarter=QUARTER, as_of="default-themes")
    second = connect(scratch / "warehouse", quarter=QUARTER)

# %% [markdown]
# ## How many, how large, how good?
#
# More themes are not better, nor fewer. Look at `placed_share` (topics that are in a theme), `stability` (whether a
# theme comes again when other firms are drawn), and `mixed_share` (themes that are about more than one thing).

# %%
measures = [
    db.sql("SELECT metric, value FROM topic_quality WHERE level = 'themes'").df().set_index("metric").value
    for db in (first, second)
]
quality = pd.DataFrame({"default": measures[0], LABEL: measures[1]})
quality.loc[[m for m in ("n_themes", "placed_share", "largest_theme_share", "stability", "coherence_c_v", "mixed_share",
                         "weak_share") if m in quality.index]]  # fmt: skip

# %% [markdown]
# ## Which themes are the same?
#
# Themes have no identity across two builds: `2023Q1:theme:002` is the third largest of its own build. Compare them
# by their topics. A row of the picture is a theme of the first build, a column one of the second; dark means that
# most of the row's topics are in that column. One dark cell in a row: the theme stayed together. Several dark cells
# in a column: themes were joined. `(none)` are topics that are in no theme.

# %%
query = "SELECT topic_id, coalesce(t.name, '(none)') AS theme FROM theme_topics p LEFT JOIN themes t USING (theme_id)"
both = first.sql(query).df().merge(second.sql(query).df(), on="topic_id", suffixes=("_first", "_second"))
counts = pd.crosstab(both.theme_first, both.theme_second)
rows = counts.sum(axis=1).drop("(none)", errors="ignore").nlargest(15).index
shares = counts.loc[rows].div(counts.loc[rows].sum(axis=1), axis=0)
columns = shares.columns[shares.max() > 0.15]
columns = sorted(columns, key=lambda c: (c == "(none)", int(np.argmax(shares[c].to_numpy() > 0.15))))
figure, axes = plt.subplots(figsize=(2.6 + 0.36 * len(columns), 1.8 + 0.27 * len(rows)), layout="constrained")
picture = axes.imshow(shares[columns], cmap="Greys", vmin=0, vmax=1, aspect="auto")
axes.set_yticks(range(len(rows)), rows, parse_math=False, fontsize=8)
shortened = [name[:30] for name in columns]
axes.set_xticks(range(len(columns)), shortened, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
axes.set_ylabel("the 15 largest themes, default")
axes.set_xlabel(f"themes with {LABEL}")
figure.colorbar(picture, label="share of the row's topics")
in_both = both[(both.theme_first != "(none)") & (both.theme_second != "(none)")]
agreement = adjusted_rand_score(in_both.theme_first, in_both.theme_second)
print(
    f"{len(in_both)} topics are in a theme in both; adjusted Rand index {agreement:.2f} (1: the same themes)"
)

# %% [markdown]
# ## Does the tone change?
#
# For each of the largest themes of the first build, the theme of the second that holds most of its topics, and both
# scores. What matters is the last column: a difference well within the standard error is none.

# %%
query = "SELECT theme_id, theme_name, n_sentences, score, score_se FROM theme_sentiment"
held = counts.loc[rows].drop(columns="(none)", errors="ignore")
has_match = held.max(axis=1) >= counts.loc[rows].sum(axis=1) / 2
print(
    "No theme of the second build holds half of the topics of:", ", ".join(held.index[~has_match]) or "none"
)
matched = held[has_match].idxmax(axis=1)
tones = pd.DataFrame({"first": matched.index, "second": matched.to_numpy()})
for build, db in (("first", first), ("second", second)):
    scores = db.sql(query).df().drop_duplicates("theme_name").set_index("theme_name")
    tones[[f"sentences_{build}", f"score_{build}", f"se_{build}"]] = scores.loc[
        tones[build], ["n_sentences", "score", "score_se"]
    ].to_numpy()
tones["difference"] = tones.score_second - tones.score_first
tones["in_standard_errors"] = tones.difference / tones.se_first
tones.drop(columns=["sentences_first", "se_second"])

# %%
first.close()
second.close()
shutil.rmtree(scratch)  # the copy; your warehouse is as it was

# %% [markdown]
# ## What to do next
#
# - Run your regression (`4_event_study_panel_to_regression_table`) on both states:
#   `connect(as_of="default-themes")`.
# - Other settings worth a look: `min_firms` and `min_stability` of `themes`, `sentences_per_topic` of
#   `firm_topics`. The launchpad of `ftm ui` lists them all with their defaults.
# - For a whole quarter with another setting, put it into a file and run `ftm run --config FILE`. Settings are not
#   remembered: pass them again when you make the quarter again.
