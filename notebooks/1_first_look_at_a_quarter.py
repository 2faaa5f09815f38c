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
# # 1. First look at a quarter
#
# A quarter of earnings calls has been turned into themes: subjects that several firms speak about, each with a
# score for how positive the firms are about it. This notebook answers the questions that you should ask before you
# use such a quarter: what is in it, what got lost on the way, what the largest themes are, and which sentences are
# behind a score.
#
# **You need** one quarter. `make run` makes 2023Q1 of the bundled sample, whose firms and calls are invented. For
# your own calls, run `ftm run --calls PATH` and set `QUARTER` below.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from scipy.stats import t as student

from ftm_resources import connect, search

QUARTER = "2023Q1"

pd.set_option("display.max_colwidth", 300)
pd.set_option("display.precision", 3)
db = connect(quarter=QUARTER)

# %% [markdown]
# ## What is in it, and what got lost
#
# The table `coverage` follows the calls from the source to the scores. Each step that loses calls or sentences says
# why. Two kinds of loss are by design: an earlier version of a call that was published again (`superseded`), and
# sentences that are about the call rather than the business ("please ask one question at a time").
#
# Words that occur here: an *outlier* is a sentence in no topic of its firm, or a topic in no theme; a topic is
# *dominated* if its firm holds too much of the cluster that would be a theme; a sentence is *nearer another* if it is
# clearly more like another theme than that of its topic. None of them counts in a theme's score.

# %%
db.sql("""
    SELECT step, outcome, is_lost AS lost, n_calls AS calls, n_firms AS firms,
        n_sentences AS sentences, n_sentences_lost AS sentences_lost
    FROM coverage ORDER BY position, is_lost, outcome
""").df().set_index(["step", "outcome"])

# %% [markdown]
# ## The themes
#
# A theme's score is (positive − negative) / sentences, between −1 and 1, over the sentences that speak of it.
# Intervals made like these hold the true score in 95 of 100 samples; sentences of one firm are not taken to be
# independent of each other. If an interval includes zero, we cannot tell whether firms are positive or negative
# about the theme. `coherence_class` says whether the theme's sentences are about one thing: leave out `weak`
# themes, and read `mixed` ones before you trust them.

# %%
themes = db.sql("""
    SELECT theme_id, theme_name, n_firms, theme_sentiment.n_sentences, score, score_se, score_df, coherence_class
    FROM theme_sentiment JOIN theme_coherence USING (theme_id)
    WHERE score IS NOT NULL ORDER BY theme_sentiment.n_sentences DESC
""").df()
half = student.ppf(0.975, themes.score_df) * themes.score_se
themes["low"], themes["high"] = (themes.score - half).clip(-1), (themes.score + half).clip(upper=1)
largest = themes.head(15)
largest[["theme_id", "theme_name", "n_firms", "n_sentences", "score", "low", "high", "coherence_class"]]

# %%
shown = largest.iloc[::-1].reset_index(drop=True)
figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
axes.axvline(0, color="grey", linewidth=0.8)
axes.hlines(shown.index, shown.low, shown.high, color="silver", linewidth=4)
axes.plot(shown.score, shown.index, "o", color="black", markersize=4)
axes.set_yticks(shown.index, shown.theme_name, parse_math=False)
axes.set_xlabel("tone, with its 95% interval")
axes.set_title(f"The 15 largest themes of {QUARTER}", loc="left")
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## The sentences behind a score
#
# No figure should be believed without its evidence. These are the sentences that pull the most positive and the
# most negative of the large themes up and down: those that the classifier is surest about. Read them. Is the theme
# what its name says? Would you have given the sentences the same label?

# %%
broad = largest[
    largest.n_firms >= min(10, largest.n_firms.max())
]  # the tone of few firms says little of a theme
extremes = broad.loc[[broad.score.idxmax(), broad.score.idxmin()]]
for theme in extremes.itertuples():
    strongest = db.execute(
        """
        SELECT label, text, firm_name, speaker_type, call_date::VARCHAR AS call_date
        FROM theme_evidence WHERE theme_id = ? AND is_member AND label <> 'neutral'
        QUALIFY row_number() OVER (
            PARTITION BY label ORDER BY abs(p_positive - p_negative) DESC, sentence_id) <= 3
        ORDER BY label DESC, sentence_id
        """,
        [theme.theme_id],
    ).df()
    print(
        f"{theme.theme_name}: tone {theme.score:+.2f}, {theme.n_sentences} sentences of {theme.n_firms} firms"
    )
    display(strongest)

# %% [markdown]
# ## Looking for something
#
# Themes answer what firms speak about. If you already know what you are looking for, search: meaning and words both
# count, and a hit can be a theme, a firm's topic or a sentence.

# %%
hits = search("higher freight and shipping costs", QUARTER, k=8).to_pandas()
hits[["level", "name", "text", "firm_name", "theme_name", "tone"]].astype(object).where(
    lambda shown: shown.notna(), ""
)

# %% [markdown]
# ## How good is this quarter?
#
# `topic_quality` has measures of each step. Three to look at first: `placed_share`, the share of topics that are in
# a theme; `stability`, how often a theme comes again if the themes are made from other subsamples of the firms; and
# `mixed_share` and `weak_share`, the shares of themes that do not hold together well. On the sample there is a
# fourth: since its themes were planted, `recovery_ami` says how well they were found again (1: perfectly).

# %%
db.sql("""
    SELECT level, metric, value, n FROM topic_quality
    WHERE level = 'themes' OR metric IN ('topics_per_firm_median', 'outlier_share', 'seed_stability')
    ORDER BY level, metric
""").df().set_index(["level", "metric"])

# %%
is_clear = np.sign(themes.low) == np.sign(themes.high)
print(f"{len(themes)} themes; of {is_clear.sum()} we can tell the sign of the tone.")

# %% [markdown]
# ## What to do next
#
# - Run other quarters (`ftm run --quarter 2023Q2`) and follow a theme: `2_one_theme_through_time`.
# - Look at one firm: `3_a_firms_profile`.
# - Keep the state that you have just read, before anyone makes it anew: `ftm tag 2023Q1 paper-v1`.
# - `docs/methods.md` says how each number is made, and how far to trust it.
