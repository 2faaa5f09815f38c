import numpy as np

from ftm_assets.methods.time.pinning import NONE, centred, pin, seed_sentences

EYE = np.eye(3)


def test_each_theme_links_to_at_most_one_pinned_theme_and_a_pinned_theme_may_hold_several():
    themes = np.array([[1, 0, 0], [0.9, np.sqrt(0.19), 0], [0, 0, 1]])
    found = pin(themes, [()] * 3, EYE[:2], [()] * 2, floor=0.5, keyword_weight=0)
    assert found.pinned.tolist() == [0, 0, NONE]
    assert found.margin[1] < found.margin[0]
    assert found.margin[2] < 0


def test_keywords_that_are_seed_phrases_decide_between_equals_whatever_their_case():
    found = pin(EYE[:1], [["Tariffs"]], EYE[[0, 0]], [["wages"], ["tariffs"]], floor=0.5, keyword_weight=0.1)
    assert found.pinned.tolist() == [1]


def test_nothing_links_to_nothing():
    assert pin(EYE, [()] * 3, np.zeros((0, 3)), [], floor=0.5, keyword_weight=0).pinned.tolist() == [NONE] * 3
    assert len(pin(np.zeros((0, 3)), [], EYE, [()] * 3, floor=0.5, keyword_weight=0).pinned) == 0


def test_what_all_topics_share_likens_nothing_to_a_pinned_theme():
    common = np.array([5.0, 0, 0])
    topics = common + np.array([[0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    pinned = centred(common[None] + [[0, 1.0, 0]], topics)
    assert np.allclose(pinned, [[0, 1, 0]])


def test_seed_phrases_are_whole_words_in_any_case_across_any_blanks():
    texts = ["Net  Zero by 2050", "internet zeros", "our net-zero plan", "the US tariff.", "tariffs", ""]
    assert seed_sentences(texts, ["net zero", "tariff"]).tolist() == [True, False, False, True, False, False]
    assert seed_sentences(["C++ (code)", "C"], ["c++"]).tolist() == [True, False], "marks are not patterns"
    assert not seed_sentences(["anything"], []).any()


def test_seed_phrases_are_found_however_an_editor_wrote_them():
    """The texts of calls are normalised: straight quotes, plain hyphens, composed letters."""
    for written in (
        "China’s tariffs",
        "China´s  tariffs",
        "China&#39;s tariffs",
        "China\u2019s\u00a0tariffs",
    ):
        assert seed_sentences(["On China's tariffs."], [written]).all(), written
    assert seed_sentences(["A café-style office"], ["cafe\u0301‑style"]).all()
    found = pin(EYE[:1], [["café"]], EYE[[0, 0]], [["wages"], ["cafe\u0301"]], floor=0.5, keyword_weight=0.1)
    assert found.pinned.tolist() == [1]
