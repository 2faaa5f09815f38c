"""The examples in the docstrings of the methods give what they show; each public entry point has one."""

import doctest
import importlib
import pkgutil

import pytest

from ftm_assets import methods
from ftm_assets.methods.calls.transcript_versions import build_transcripts
from ftm_assets.methods.naming.extractive import ExtractiveNamer
from ftm_assets.methods.scores import build_scores
from ftm_assets.methods.text.firm_names import firm_name_forms
from ftm_assets.methods.text.kinds import judge
from ftm_assets.methods.text.sentence_splitting import build_sentences
from ftm_assets.methods.topics.clustering import GraphClusterer
from ftm_assets.methods.topics.firm_model import in_context, model_firm
from ftm_assets.methods.topics.keywords import class_keywords
from ftm_assets.methods.topics.quality import coherence
from ftm_assets.methods.topics.theme_clustering import ThemeClusterer
from ftm_assets.methods.topics.theme_model import model_themes

MODULES = [m.name for m in pkgutil.walk_packages(methods.__path__, f"{methods.__name__}.") if not m.ispkg]

ENTRY_POINTS = (
    *(GraphClusterer, ThemeClusterer, ExtractiveNamer),
    *(build_transcripts, build_sentences, judge, build_scores),
    *(in_context, model_firm, model_themes, class_keywords, coherence, firm_name_forms),
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=lambda e: e.__name__)
def test_every_public_entry_point_has_an_example(entry: object):
    assert doctest.DocTestFinder(recurse=False).find(entry)[0].examples
