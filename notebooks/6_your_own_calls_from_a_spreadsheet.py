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
# # 6. Your own calls from a spreadsheet
#
# You have calls in a spreadsheet: one row per speaker's turn. This notebook shows which columns FTM needs, what it
# refuses and how it says so, and how a quarter is made from the file. So that it runs anywhere, it first writes a
# spreadsheet of invented calls; **for your own, set `SPREADSHEET` to your file and skip the section that makes
# one**.
#
# **You need** nothing but FTM. The last step computes a small quarter, which takes a few minutes.

# %%
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from ftm_resources import connect

FIRMS = os.environ.get("FTM_SAMPLE_FIRMS", "12")  # of the invented calls; at least 3, better 20
folder = Path(tempfile.mkdtemp(prefix="ftm-own-calls-"))
SPREADSHEET = folder / "calls.xlsx"

pd.set_option("display.max_colwidth", 80)
pd.set_option("display.precision", 3)
environment = os.environ | {"FTM_WAREHOUSE": str(folder / "warehouse")}  # beside, not in, the one you have


def ftm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ftm` with these arguments, as you would in a terminal."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "ftm_assets.cli", *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


# %% [markdown]
# ## A spreadsheet to try it with
#
# `ftm sample` writes invented calls in Capital IQ's columns. The seven columns kept here are all that is required;
# the eighth, `permno`, is needed for returns. Your own further columns, such as `sector`, are kept too.

# %%
written = ftm("sample", "--firms", FIRMS, "--quarter", "2023Q1", "--out", str(folder / "sample"))
assert written.returncode == 0, written.stderr
turns = pd.concat(pd.read_parquet(file) for file in sorted((folder / "sample" / "calls").glob("*.parquet")))
turns = turns[[
    "companyid", "companyname", "transcriptid", "componentorder", "componenttext", "mostimportantdateutc",
    "speakertypename", "permno",
]]  # fmt: skip
turns["sector"] = turns.companyid.map(lambda firm: ["Industrials", "Technology", "Retail"][firm % 3])
turns.to_excel(SPREADSHEET, index=False)
turns.head(3).T

# %% [markdown]
# ## What is refused
#
# FTM reads the whole file before it computes anything, and refuses what it would have to guess. Here is a copy with
# three mistakes as they happen in spreadsheets: a word in the column of dates, a turn without a number, and the id
# of a transcript that is given to two companies.

# %%
wrong = turns.astype(
    {"mostimportantdateutc": object, "componentorder": object, "companyid": object}
).reset_index(drop=True)
wrong.loc[3, "mostimportantdateutc"] = "next Tuesday"
wrong.loc[7, "componentorder"] = None
wrong.loc[12, "companyid"] = 42
wrong.to_excel(folder / "wrong.xlsx", index=False)
refused = ftm("run", "--calls", str(folder / "wrong.xlsx"))
print(f"exit code {refused.returncode}\n")
print(refused.stderr.replace(str(folder), "…"))

# %% [markdown]
# Each line names the file, the row and the column; a mistake that touches several rows or companies has a line for
# each. Rows count from the first row of data, so row 4 is line 5 of the spreadsheet. Nothing was written: there is
# no half-read quarter.

# %%
assert refused.returncode == 1
assert not (folder / "warehouse").exists()

# %% [markdown]
# ## The quarter
#
# In a terminal: `ftm run --calls calls.xlsx`. If the file holds several quarters, `--quarter` says which. At the
# end the command prints what it found and what was lost.

# %%
run = ftm("run", "--calls", str(SPREADSHEET))
assert run.returncode == 0, run.stderr[-2000:]
print(run.stdout.replace(str(folder), "…"))

# %% [markdown]
# ## Did FTM read what you meant?
#
# `transcript_audit` has a row for every transcript, kept or not, with the reason. Look at the ones that are not
# kept, and at whether speakers and sections are what you expect: a column of types that FTM does not know ends as
# `unknown`.

# %%
db = connect(folder / "warehouse")
db.sql("SELECT status, reason, count(*) AS transcripts FROM transcript_audit GROUP BY ALL ORDER BY ALL").df()

# %%
db.sql("SELECT section, speaker_type, count(*) AS turns FROM transcripts GROUP BY ALL ORDER BY ALL").df()

# %% [markdown]
# ## Themes, and your own column
#
# The theme table is the same as in `1_first_look_at_a_quarter`. Your own column is in `firm_attributes`, and joins
# by firm and quarter: here the attention of each sector to the largest themes.

# %%
attention = db.sql("""
    SELECT p.series_name AS theme, a.value AS sector, avg(p.attention) AS attention, sum(p.n_sentences) AS n_sentences
    FROM firm_theme_panel p
    JOIN firm_attributes a ON a.firm_id = p.firm_id AND a.quarter = p.quarter AND a.name = 'sector'
    WHERE p.status = 'measured' GROUP BY ALL
""").df()
largest = attention.groupby("theme").n_sentences.sum().nlargest(8).index[::-1]
table = (100 * attention.pivot_table(index="theme", columns="sector", values="attention")).loc[largest]
axes = table.plot.barh(figsize=(7.5, 4), color=["0.2", "0.55", "0.85"], width=0.75)
axes.set(xlabel="mean attention of the sector's firms, %", ylabel="")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, title=None)
axes.figure.tight_layout()
table.iloc[::-1].round(2)

# %%
db.close()
shutil.rmtree(folder)

# %% [markdown]
# ## What to do next
#
# - For good: `ftm run --calls calls.xlsx` without `FTM_WAREHOUSE` writes to `./warehouse`. A quarter made from
#   another source (the sample, say) is replaced only with `--replace-source`.
# - CSV, Parquet, Stata and SAS files are read in the same way, and faster: Excel is the slowest, and cuts texts at
#   32,767 characters.
# - Add `keydevid`, `componenttypename`, `transcriptpersonname` and times if you have them: events, sections and
#   speakers are then read rather than inferred (docs/your-calls.md).
# - For market data of your own, see docs/market-data.md.
