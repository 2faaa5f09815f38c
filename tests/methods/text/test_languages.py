"""Which language a call is in: the real calls, texts in other languages, and calls in two."""

import pyarrow.parquet as pq
import pytest

from ftm_assets.methods.text.languages import PIECE_CHARACTERS, PIECES, language_of

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


def test_of_a_long_call_a_bounded_number_of_pieces_is_judged(monkeypatch):
    from ftm_assets.methods.text import languages

    judged = []

    class Counting:
        def classify(self, text):
            judged.append(text)
            return "en", 1.0

    monkeypatch.setattr(languages, "_identifier", Counting)
    assert language_of([ENGLISH * 500] * 20) == "en"
    assert len(judged) == PIECES
    assert max(map(len, judged)) == PIECE_CHARACTERS
