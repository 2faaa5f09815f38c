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
# # 3. A firm's profile
#
# What does one firm speak about, how does it speak about it, and is that unusual? This notebook profiles a firm
# against all firms of the quarter, and separates two reasons for an unusual tone: *what* the firm speaks about, and
# *how*.
#
# **You need** one quarter (`make run`). With several, the last section shows the firm through time. On your own
# calls, set `FIRM` to words of the firm's name.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ftm_resources import connect

QUARTER = "2023Q1"
FIRM = ""  # words in its name; empty: the firm with most sentences in themes

pd.set_option("display.max_colwidth", 300)
pd.set_option("display.precision", 3)
db = connect(quarter=QUARTER)

# %%
firms = db.sql("""
    SELECT firm_id, any_value(firm_name) AS firm_name, any_value(permno) AS permno, sum(n_sentences) AS n_sentences,
        (sum(n_positive) - sum(n_negative)) / sum(n_sentences) AS score
    FROM firm_theme_sentiment GROUP BY firm_id ORDER BY n_sentences DESC, firm_id
""").df()
found = firms[firms.firm_name.str.contains(FIRM, case=False, regex=False)]
assert len(found), f"No firm of {QUARTER} has {FIRM!r} in its name"
firm = found.iloc[0]
calls = db.execute(
    """
    SELECT call_date::VARCHAR AS call_date, headline, count(*) AS turns,
        count(DISTINCT speaker_name) FILTER (speaker_type = 'executive') AS executives,
        count(DISTINCT speaker_name) FILTER (speaker_type = 'analyst') AS analysts
    FROM transcripts WHERE firm_id = ? GROUP BY ALL ORDER BY call_date
    """,
    [firm.firm_id],
).df()
print(f"{firm.firm_name} (firm {firm.firm_id}), PERMNO {firm.permno}")
calls

# %% [markdown]
# ## What it speaks about
#
# The firm's own topics, and the theme that each is in. A topic without a theme is the firm's own: few or no other
# firms speak of it, and `reason` says why it was left out.

# %%
db.execute(
    """
    SELECT name, n_sentences, theme_name, reason FROM topics
    WHERE firm_id = ? ORDER BY n_sentences DESC, topic_id LIMIT 12
    """,
    [firm.firm_id],
).df().astype(object).where(lambda shown: shown.notna(), "")

# %% [markdown]
# ## Where it differs from the others
#
# Attention is the share of the firm's business sentences that are in a theme. Beside it stand the mean over all
# measured firms, zeros included, and the share of firms that speak of the theme at all.

# %%
themes = db.execute(
    """
    SELECT own.theme_id, p.series_name AS theme, own.attention, p.mean_attention, p.firm_share,
        own.n_sentences, own.score,
        (p.n_positive - own.n_positive - p.n_negative + own.n_negative) / nullif(p.n_sentences - own.n_sentences, 0)
            AS score_of_others
    FROM firm_theme_panel own JOIN theme_panel p USING (series_id)
    WHERE own.firm_id = ? AND own.status = 'measured' AND own.n_sentences > 0 ORDER BY own.attention DESC
    """,
    [firm.firm_id],
).df()
themes.head(12)

# %%
shown = themes.head(12).iloc[::-1].reset_index(drop=True)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True, layout="constrained")
for axes, own, others in (
    (left, 100 * shown.attention, 100 * shown.mean_attention),
    (right, shown.score, shown.score_of_others),
):
    axes.hlines(shown.index, others, own, color="silver")
    axes.plot(others, shown.index, "o", color="black", fillstyle="none")
    axes.plot(own, shown.index, "o", color="black")
    axes.spines[["top", "right"]].set_visible(False)
right.axvline(0, color="grey", linewidth=0.8)
left.set_yticks(shown.index, shown.theme, parse_math=False)
left.set_xlabel("attention, % of business sentences (hollow: mean of all firms)")
right.set_xlabel("tone (hollow: the other firms)")
figure.suptitle(f"{firm.firm_name}, {QUARTER}", x=0.01, ha="left", parse_math=False)
plt.show()

# %% [markdown]
# ## What it says, or how it says it?
#
# A firm may sound negative because it speaks about subjects that everyone is negative about. So compare three
# numbers: the firm's tone; what its tone would be if it spoke about *its own* themes in the tone of the *other*
# firms; and the tone of the other firms over all. The first less the second is how it speaks; the second less the
# third, what about.

# %%
compared = themes.dropna(subset=["score", "score_of_others"])
own = np.average(compared.score, weights=compared.n_sentences)
expected = np.average(compared.score_of_others, weights=compared.n_sentences)
others = firms[firms.firm_id != firm.firm_id]
overall = np.average(others.score, weights=others.n_sentences)
for what, tone in (
    (f"tone of {firm.firm_name}", own),
    ("its themes in the tone of the others", expected),
    ("all other firms", overall),
):
    print(f"{what:<45}{tone:+.3f}")
print(f"How it speaks: {own - expected:+.3f}. What it speaks about: {expected - overall:+.3f}.")
rank = (others.score < firm.score).mean()
print(f"{rank:.0%} of the other firms have a lower tone.")

# %% [markdown]
# These are differences of means of a few hundred sentences. `firm_theme_panel` has the standard error of each score
# (`score_se`, `score_df`); a difference within twice the error is nothing to write about.
#
# ## Its strongest sentences

# %%
db.execute(
    """
    SELECT label, text, theme_name, speaker_type FROM theme_evidence
    WHERE firm_id = ? AND is_member AND label <> 'neutral'
    QUALIFY row_number() OVER (PARTITION BY label ORDER BY abs(p_positive - p_negative) DESC, sentence_id) <= 4
    ORDER BY label DESC, sentence_id
    """,
    [firm.firm_id],
).df()

# %% [markdown]
# ## Through time
#
# With several quarters in the warehouse, the attention of the firm to its five largest themes in each. An empty
# cell is a quarter in which the theme was not found, or the firm not measured.

# %%
through = (
    connect()
    .execute(
        """
    SELECT series_name AS theme, quarter, attention FROM firm_theme_panel
    WHERE firm_id = ? AND status = 'measured' AND series_id IN (
        SELECT series_id FROM firm_theme_panel
        WHERE firm_id = ? AND quarter = ? AND n_sentences > 0 ORDER BY attention DESC, series_id LIMIT 5)
    """,
        [firm.firm_id, firm.firm_id, QUARTER],
    )
    .df()
)
(100 * through.pivot_table(index="theme", columns="quarter", values="attention")).round(1).astype(
    object
).astype(object).where(lambda shown: shown.notna(), "")

# %% [markdown]
# ## What to do next
#
# - Ask in words: `ftm ask 'What did the firm say about costs?' --quarter 2023Q1`, or search with `search("costs",
#   "2023Q1", firms=[firm.firm_id])`.
# - Compare groups of firms: a column such as `sector` in your file is kept in the table `firm_attributes`.
# - Relate the tone to returns: `4_event_study_panel_to_regression_table`.
