import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftm_assets.orchestration.code_version import DEPLOYMENT, Sources, code_version, installed

ASSETS = [
    p.stem
    for p in sorted((Path(__file__).resolve().parents[2] / "ftm_assets" / "assets").glob("*.py"))
    if p.stem not in {"__init__", "marts"}  # dbt versions each mart by its SQL
]
EMBEDDING = {
    "sentence_embeddings",
    "sentence_kinds",
    "firm_topics",
    "topic_summaries",
    "themes",
    "pinned_theme_links",
}
A = "ftm_assets.assets.a"
METHOD = "ftm_assets.methods.first"
TREE = {
    A: "from ftm_assets.methods.first import f\nfrom ftm_assets.orchestration import fan_out\nf(1)\n",
    METHOD: (
        "import numpy\nfrom ftm_assets.methods import second\n\n"
        'def f(x):\n    """Double."""\n    return second.g(x) * 2  # twice\n'
    ),
    "ftm_assets.methods": "",
    "ftm_assets.methods.second": "LIMIT = 3\n\ndef g(x):\n    return min(x, LIMIT)\n",
    "ftm_assets.methods.other": "def h(x):\n    return x\n",
    "ftm_assets.orchestration.fan_out": "CHUNK = 500\n",
}


def version(**changes: str) -> str:
    tree = {**TREE, **{f"ftm_assets.{k.replace('__', '.')}": v for k, v in changes.items()}}
    return code_version(A, tree.get)


@pytest.mark.parametrize(
    "changes",
    [
        {"methods__first": TREE[METHOD].replace("* 2", "* 3")},
        {"methods__second": TREE["ftm_assets.methods.second"].replace("min", "max")},
        {"methods__second": TREE["ftm_assets.methods.second"].replace("3", "4")},
        {"methods__second": TREE["ftm_assets.methods.second"].replace("(x, LIMIT)", "(LIMIT, x)")},
        {"assets__a": TREE[A].replace("f(1)", "f(2)")},
        {"methods__first": TREE[METHOD].replace("def f(x)", "def f(x, y=None)")},
    ],
    ids=str,
)
def test_another_statement_in_a_module_that_is_used_is_another_version(changes: dict[str, str]):
    assert version(**changes) != version()


@pytest.mark.parametrize(
    "changes",
    [
        {"methods__first": TREE[METHOD].replace("  # twice", "")},
        {"methods__first": TREE[METHOD].replace("Double.", "Return twice as much.")},
        {"methods__first": TREE[METHOD].replace('    """Double."""\n', "")},
        {
            "methods__first": '"""A module."""\n\n\n'
            + TREE[METHOD].replace("g(x) * 2", "g(\n        x\n    ) * 2")
        },
        {"methods__second": TREE["ftm_assets.methods.second"].replace("3\n", '3\n"""The limit."""\n')},
        {"methods__other": "def h(x):\n    return -x\n"},
        {"orchestration__fan_out": "CHUNK = 50\n"},
    ],
    ids=str,
)
def test_comments_docstrings_layout_and_what_is_not_used_do_not_change_it(changes: dict[str, str]):
    assert version(**changes) == version()


def test_imports_of_types_alone_and_circles_are_no_matter():
    types = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ftm_assets.methods.other import h\n"
    )
    alone = version(methods__first=types + TREE[METHOD])
    assert version(methods__first=types + TREE[METHOD], methods__other="def h(x):\n    return 9\n") == alone
    circle = TREE["ftm_assets.methods.second"] + "\nfrom ftm_assets.methods.first import f\n"
    assert version(methods__second=circle) != version()


def test_the_module_behind_a_resource_counts_though_it_is_asked_for_by_key():
    tree = {
        **TREE,
        A: 'FanOut(resources=frozenset({"embedder"}))\n',
        DEPLOYMENT: (
            "from ftm_resources.models.first import Embedder as E\nfrom ftm_resources.models.second import Scorer\n"
            'made = {"embedder": E(), "sentiment": Scorer()}\n'
        ),
        "ftm_resources.models.first": "X = 1\n",
        "ftm_resources.models.second": "Y = 1\n",
    }
    before = code_version(A, tree.get)
    assert code_version(A, {**tree, "ftm_resources.models.first": "X = 2\n"}.get) != before
    assert code_version(A, {**tree, "ftm_resources.models.second": "Y = 2\n"}.get) == before


def mutated(module: str) -> Sources:
    return lambda name: f"{installed(name)}\nMUTATED = True\n" if name == module else installed(name)


@pytest.mark.parametrize(
    ("module", "changes"),
    [
        ("ftm_assets.methods.scores", {"sentiment_scores"}),
        ("ftm_assets.methods.text.sentence_splitting", {"transcripts", "sentences"}),
        ("ftm_assets.methods.topics.theme_clustering", {"themes"}),
        ("ftm_assets.methods.topics.membership", {"theme_sentences"}),
        ("ftm_assets.methods.topics.theme_coherence", {"theme_sentences"}),
        ("ftm_assets.methods.topics.quality", {"topic_quality"}),
        (
            "ftm_assets.methods.time.linking",
            {"theme_links", "theme_families", "event_study", "portfolio_sorts"},
        ),
        ("ftm_assets.methods.returns.known_themes", {"event_study", "portfolio_sorts"}),
        ("ftm_assets.methods.returns.pseudo_events", {"event_study"}),
        ("ftm_assets.methods.time.pinning", {"pinned_theme_links"}),
        ("ftm_assets.methods.time.families", {"theme_families"}),
        ("ftm_resources.models.lexicon", {"sentence_sentiment"}),
        ("ftm_resources.models.tone_classifier", {"sentence_sentiment"}),
        ("ftm_resources.models.encoders", {*EMBEDDING, "sentence_sentiment", "quarter_report"}),
        ("ftm_resources.models.embedder", {*EMBEDDING, "quarter_report"}),
        ("ftm_resources.endpoint.embeddings", {*EMBEDDING, "quarter_report"}),
        ("ftm_resources.endpoint.llm", {"topic_summaries", "themes"}),
        ("ftm_resources.endpoint.chat", {"topic_summaries", "themes"}),
        ("ftm_resources.endpoint.connection", set()),
        ("ftm_resources.sources.files.columns", {"transcripts", "daily_returns", "controls"}),
        ("ftm_resources.sources.returns.market_files", {"daily_returns"}),
        ("ftm_assets.methods.returns.tone_sorting", {"portfolio_sorts"}),
        ("ftm_resources.sources.returns.fundamentals_files", {"controls"}),
        ("ftm_assets.methods.returns.expected_returns", {"abnormal_returns", "event_study"}),
        ("ftm_assets.methods.returns.event_statistics", {"event_study"}),
        (
            "ftm_resources.trading_days",
            {"daily_returns", "abnormal_returns", "controls", "event_study", "portfolio_sorts"},
        ),
        ("ftm_assets.orchestration.fan_out", set()),
        ("ftm_assets.report.firms_told", {"quarter_report"}),
        ("ftm_assets.methods.topics.map_layout", {"quarter_report"}),
    ],
)
def test_the_assets_that_a_module_decides_change_with_it_and_no_others(module: str, changes: set[str]):
    assert installed(module) is not None
    found = {
        a
        for a in ASSETS
        if code_version(f"ftm_assets.assets.{a}", mutated(module)) != code_version(f"ftm_assets.assets.{a}")
    }
    assert found == changes


def test_a_module_without_source_is_refused():
    with pytest.raises(ValueError, match=r"ftm_assets\.assets\.nowhere has no source"):
        code_version("ftm_assets.assets.nowhere")


def test_nothing_is_imported_for_it():
    script = (
        "import sys\nfrom ftm_assets.orchestration.code_version import code_version\n"
        "code_version('ftm_assets.assets.themes')\n"
        "assert 'numpy' not in sys.modules and 'dagster' not in sys.modules\n"
        "assert 'ftm_assets.methods.topics.theme_clustering' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_was_read_is_kept_for_the_next_process_and_never_changes_a_version(tmp_path: Path):
    """The second process reads the file of the first; one that finds a broken file reads the sources again."""
    script = (
        "import ast, sys\n"
        "parsed, parse = [], ast.parse\n"
        "ast.parse = lambda source: parsed.append(source) or parse(source)\n"
        "from ftm_assets.orchestration.code_version import code_version\n"
        "print(code_version('ftm_assets.assets.themes'), len(parsed))"
    )
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}

    def run(**more: str) -> tuple[str, int]:
        said = subprocess.run(
            [sys.executable, "-c", script], env={**env, **more}, text=True, check=True, capture_output=True
        )
        version, n = said.stdout.split()
        return version, int(n)

    first, n_first = run()
    kept = [*tmp_path.rglob("code_version*.json")]
    again, n_again = run()
    kept[0].write_text("[half a file")
    broken, n_broken = run()
    elsewhere, n_elsewhere = run(PYTHONPYCACHEPREFIX="/dev/null/nowhere")
    assert len(kept) == 1
    assert first == again == broken == elsewhere == code_version("ftm_assets.assets.themes")
    assert n_again < n_first == n_broken == n_elsewhere
