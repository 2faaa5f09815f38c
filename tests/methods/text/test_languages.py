"""Which language a call is in: the real calls, texts in other languages, and calls in two."""

from itertools import cycle, pairwise

import pyarrow.parquet as pq
import pytest

from ftm_assets.methods.text.languages import (
    DETECTED,
    PIECE_CHARACTERS,
    PIECES,
    SURE_PIECES,
    language_of,
    require_detected,
)

CALLS = {
    "es": "Buenos días y bienvenidos a todos. Las ventas crecieron un cinco por ciento gracias a la demanda en México "
    "y en Brasil. El margen bruto mejoró porque los costos de la energía bajaron durante el trimestre. ",
    "pt": "Bom dia a todos e obrigado por participarem. A receita líquida cresceu cinco por cento em relação ao mesmo "
    "trimestre do ano anterior, e as despesas com juros diminuíram. Não esperamos mudanças na dívida. ",
    "fr": "Bonjour à tous et merci d'être avec nous. Le chiffre d'affaires a progressé de cinq pour cent grâce à la "
    "demande en Europe, et la marge opérationnelle s'est améliorée malgré la hausse des coûts de transport. ",
    "de": "Guten Morgen und herzlich willkommen. Der Umsatz ist im dritten Quartal um fünf Prozent gestiegen, während "
    "die Kosten für Energie und Fracht gesunken sind. Wir bestätigen unsere Prognose für das Geschäftsjahr. ",
    "it": "Buongiorno a tutti e grazie per la partecipazione. I ricavi sono cresciuti del cinque per cento grazie alla "
    "domanda in Europa, mentre il margine è rimasto stabile nonostante l'aumento dei costi dell'energia. ",
    "ja": "皆様、本日はお忙しい中お集まりいただきありがとうございます。販売台数が増えたため営業利益も増えました。"
    "為替の影響を除くと、売上高は前年同期比で五パーセント増加しております。",
    "zh": "各位投资者大家好，欢迎参加本公司第三季度业绩说明会。本季度收入同比增长百分之五，主要由于海外市场需求强劲。"
    "毛利率保持稳定，研发费用有所增加。",
    "ko": "안녕하십니까, 실적 발표에 참석해 주셔서 감사합니다. 당사의 매출은 전년 동기 대비 오 퍼센트 증가하였으며, "
    "영업이익도 수요 증가로 개선되었습니다. ",
    "ru": "Добрый день, уважаемые коллеги. Выручка выросла на пять процентов благодаря спросу на внутреннем рынке, "
    "а операционные расходы снизились по сравнению с прошлым годом. ",
}
ENGLISH = (
    "Good morning, everyone, and welcome. Sales grew five percent because demand was strong in Mexico and Brazil. "
    "Gross margin improved as energy costs fell during the quarter. "
)


@pytest.fixture(scope="module")
def real_calls(earnings21):
    calls: dict[str, list[str]] = {}
    rows = pq.read_table(earnings21, columns=["transcriptid", "componenttext"]).to_pylist()
    for row in rows:
        calls.setdefault(row["transcriptid"], []).append(row["componenttext"])
    return list(calls.values())


def _first(texts: list[str], characters: int) -> list[str]:
    cut = []
    for text in texts:
        cut.append(text[:characters])
        characters -= len(text)
        if characters <= 0:
            break
    return cut


def test_every_real_call_is_english(real_calls):
    assert {language_of(call) for call in real_calls} == {"en"}


@pytest.mark.parametrize("characters", [100, 300])
def test_no_real_call_is_lost_by_its_first_words(real_calls, characters):
    assert {language_of(_first(call, characters)) for call in real_calls} == {"en"}


@pytest.mark.parametrize("characters", [60, 200, 1_000, 5_000])
@pytest.mark.parametrize("language", CALLS)
def test_calls_in_other_languages_are_told(language, characters):
    text = (CALLS[language] * (characters // len(CALLS[language]) + 1))[:characters]
    assert language_of([text]) == language
    turns = [text[i : i + 150] for i in range(0, len(text), 150)]
    assert language_of(turns) == language


@pytest.mark.parametrize("language", CALLS)
def test_an_interpreted_call_is_in_the_language_of_most_of_its_text(language):
    foreign, english = CALLS[language], ENGLISH
    assert language_of([foreign, english] * 4 + [english * 4]) == "en"
    assert language_of([foreign * 3, english] * 4) == language


def test_a_turn_in_another_language_does_not_make_a_call_foreign(real_calls):
    call = real_calls[0]
    assert language_of([*call[:20], CALLS["ja"] * 3, *call[20:], CALLS["es"] * 3]) == "en"


@pytest.mark.parametrize(
    "texts",
    [[], [""], ["OK."], ["12,345.6 % 7"], ["…"], ["Thanks.", "Yes."]],
)
def test_what_is_too_short_is_undetermined(texts):
    assert language_of(texts) == "und"


def test_a_call_in_three_languages_is_not_english():
    turns = [
        "Выручка выросла на пять процентов благодаря спросу.",
        "販売台数が増えたため営業利益も増えました。",
        "Las ventas crecieron un cinco por ciento.",
    ]
    assert language_of(turns) in {"ru", "ja", "es"}


def test_names_and_accents_leave_english_english():
    turn = "Société Générale and Müller GmbH raised prices, and Citroën's naïve forecast for São Paulo fell."
    assert language_of([turn, ENGLISH]) == "en"


def _judged(monkeypatch, answers, texts):
    """Return the answer and the pieces judged, where `answers` says the language of each."""
    from ftm_assets.methods.text import languages

    judged = []

    class Counting:
        def classify(self, text):
            judged.append(text)
            return answers(text)

    monkeypatch.setattr(languages, "_identifier", Counting)
    return language_of(texts), judged


LONG = [ENGLISH * 500] * 20


def test_of_a_long_call_pieces_from_all_over_it_are_judged_until_they_agree(monkeypatch):
    turns = [f"{i} {ENGLISH}" for i in range(1_000)]
    language, judged = _judged(monkeypatch, lambda _: ("en", 1.0), turns)
    assert (language, len(judged)) == ("en", SURE_PIECES)
    places = sorted(int(text.split()[0]) for text in judged)
    assert places[0] < 100
    assert places[-1] > 850
    assert max(b - a for a, b in pairwise(places)) < 250


@pytest.mark.parametrize("doubt", ["confidence", "a fifth"])
def test_of_a_long_call_whose_pieces_do_not_agree_a_bounded_number_is_judged(monkeypatch, doubt):
    answers = cycle([("es", 1.0), *[("en", 1.0)] * 4])
    unsure = (lambda _: ("en", 0.8)) if doubt == "confidence" else (lambda _: next(answers))
    language, judged = _judged(monkeypatch, unsure, LONG)
    assert (language, len(judged)) == ("en", PIECES)
    assert max(map(len, judged)) == PIECE_CHARACTERS


@pytest.mark.parametrize("n_turns", [31, 60, 61, 100, 240, 1_000])
@pytest.mark.parametrize("period", range(2, 9))
@pytest.mark.parametrize("place", range(3))
def test_languages_that_alternate_with_a_period_are_not_taken_for_one(monkeypatch, n_turns, period, place):
    """The language of one turn in each period must not be that of all the pieces judged."""
    turns = [("es " if i % period == place % period else "en ") + "x" * 300 for i in range(n_turns)]
    language, judged = _judged(monkeypatch, lambda text: (text[:2], 1.0), turns)
    if period > 2:
        assert language == "en"
    else:
        assert {text[:2] for text in judged} == {"en", "es"}


def test_the_codes_are_those_of_the_identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    known = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).labels
    assert {code for code in known if len(code) == 2} == DETECTED


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("EN", "en"), (" de", "de"), ("eng", "en"), ("en-US", "en"), ("fra", "fr"), ("ita", "it"), ("ger", "de"),
        ("jp", "ja"), ("cn", "zh"), ("kr", "ko"), ("English", "en"), ("Japanese", "ja"), ("französisch", "fr"),
    ],
)  # fmt: skip
def test_a_code_that_cannot_be_detected_is_refused_with_the_nearest(code, meant):
    with pytest.raises(ValueError, match=f"can be detected: did you mean {meant}"):
        require_detected(code)


@pytest.mark.parametrize("code", ["xx", "", "zxx", "qqq"])
def test_a_code_that_is_like_none_is_refused(code):
    with pytest.raises(ValueError, match="is not the code of a language that can be detected"):
        require_detected(code)


def test_codes_that_can_be_detected_are_accepted():
    assert [require_detected(code) for code in CALLS] == list(CALLS)
