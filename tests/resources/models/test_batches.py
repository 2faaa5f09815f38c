import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftm_resources.models import batches


def by_character(texts: list[str]) -> list[list[int]]:
    return [[ord(c) for c in t] or [0] for t in texts]


@given(
    texts=st.lists(st.text("abc", max_size=9), max_size=60),
    budget=st.integers(1, 60),
    row_step=st.sampled_from([1, batches.ROW_STEP]),
)
def test_batches_hold_every_text_once_unpadded_and_within_the_budget(
    texts: list[str], budget: int, row_step: int
) -> None:
    found = list(batches.batches(texts, by_character, budget, row_step=row_step))
    rows = [i for batch in found for i in batch.rows.tolist()]
    assert sorted(rows) == list(range(len(texts)))
    for batch in found:
        n, width = len(batch.rows), batch.ids.shape[1]
        assert batch.ids[:n].tolist() == by_character([texts[i] for i in batch.rows])
        assert batch.texts[:n] == [texts[i] for i in batch.rows]
        assert len(batch.ids) == len(batch.texts) == -(-n // row_step) * row_step
        assert n <= batches.ROW_STEP or len(batch.ids) * width <= budget
    widths = [batch.ids.shape[1] for batch in found]
    assert widths == sorted(widths, reverse=True)  # here a token is a character


@given(
    texts=st.lists(st.text("abc", max_size=40), max_size=60),
    budget=st.integers(1, 200),
    row_step=st.sampled_from([1, batches.ROW_STEP]),
)
def test_mixed_batches_hold_every_text_once_padded_at_its_end_and_not_much(
    texts: list[str], budget: int, row_step: int
) -> None:
    found = list(batches.batches(texts, by_character, budget, row_step=row_step, mixed=True))
    assert sorted(i for batch in found for i in batch.rows.tolist()) == list(range(len(texts)))
    for batch in found:
        n, width = len(batch.rows), batch.ids.shape[1]
        expected = by_character([texts[i] for i in batch.rows])
        lengths = [width] * n if batch.lengths is None else batch.lengths[:n].tolist()
        assert lengths == [len(tokens) for tokens in expected]
        assert batch.ids[:n].tolist() == [[*t, *[0] * (width - len(t))] for t in expected]
        assert min(lengths) >= batches.PADDED * width
        assert len(batch.ids) == len(batch.texts) == -(-n // row_step) * row_step
        assert n <= batches.ROW_STEP or len(batch.ids) * width <= budget
        if batch.lengths is not None:
            assert len(batch.lengths) == len(batch.ids)
            assert len(set(lengths)) > 1


def test_only_a_few_chunks_of_the_texts_are_tokenized_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK", 7)
    sizes: list[int] = []

    def tokenize(texts: list[str]) -> list[list[int]]:
        sizes.append(len(texts))
        return by_character(texts)

    found = batches.batches(["a" * (i % 5) for i in range(40)], tokenize, 16)
    next(found)
    time.sleep(0.05)
    assert len(sizes) <= 2  # the one in use and the next
    list(found)
    assert sizes == [7, 7, 7, 7, 7, 5]


def test_without_a_tokenizer_every_text_is_one_token() -> None:
    (batch,) = batches.batches(["one", "three"], None, 100)
    assert batch.ids.tolist() == [[0]] * batches.ROW_STEP
    assert batch.texts[:2] == ["three", "one"]
    assert list(batches.batches([], None, 100)) == []


def test_a_text_is_cut_at_the_limit_after_the_prompt_and_never_empty(
    make_tokenizer: Callable[[], Any],
) -> None:
    tokenizer = make_tokenizer()
    assert batches.tokenizer_call(tokenizer, 4, "we ")(["", "demand grew fell"]) == [
        tokenizer("we")["input_ids"],
        [*tokenizer("we demand")["input_ids"][:3], tokenizer.sep_token_id],
    ]
    tokenizer.backend_tokenizer.post_processor = None
    assert batches.tokenizer_call(tokenizer, 4)([""]) == [[tokenizer.pad_token_id]]


def test_items_come_in_order_and_at_most_depth_are_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            yield i

    found = batches.ahead(items(), 2)
    assert next(found) == 0
    time.sleep(0.05)
    assert len(made) <= 3
    assert list(found) == list(range(1, 10))


def test_an_error_in_the_background_is_raised_and_closing_ends_the_thread() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("lost")

    found = batches.ahead(items(), 2)
    assert next(found) == 1
    with pytest.raises(OSError, match="lost"):
        next(found)
    endless = batches.ahead(iter(np.arange(10**6)), 3)
    next(endless)
    endless.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]


def test_tokens_come_straight_from_the_tokenizer_and_are_those_of_transformers(
    make_tokenizer: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["we expect demand", "", "margins grew " * 9, "unknown"]
    tokenizer = make_tokenizer()
    expected = tokenizer(texts, truncation=True, max_length=7)["input_ids"]
    tokenize = batches.tokenizer_call(tokenizer, 7)
    tokenizer(texts, padding=True, truncation=True, max_length=3)  # leaves its settings behind
    monkeypatch.setattr(type(tokenizer), "__call__", lambda *_, **__: pytest.fail("asked transformers"))
    assert tokenize(texts) == expected


@pytest.mark.parametrize("split", [False, True])
def test_the_name_of_a_special_token_within_a_text_is_read_as_transformers_reads_it(
    split: bool, make_tokenizer: Callable[[], Any]
) -> None:
    texts = ["we [SEP] expect [PAD] demand", "[CLS]"]
    tokenizer = make_tokenizer()
    tokenizer.split_special_tokens = split
    expected = tokenizer(texts, truncation=True, max_length=9)["input_ids"]
    assert (tokenizer.pad_token_id in expected[0]) is not split
    assert batches.tokenizer_call(tokenizer, 9)(texts) == expected


@pytest.mark.parametrize("step", ["__call__", "_encode_plus"])
def test_a_class_of_tokenizers_that_changes_texts_first_is_left_to_transformers(
    step: str, make_tokenizer: Callable[[], Any]
) -> None:
    tokenizer = make_tokenizer()
    kind = type(tokenizer)

    def without_dashes(self: Any, text: list[str], **options: Any) -> Any:
        return getattr(kind, step)(self, [t.replace("-", " fell ") for t in text], **options)

    tokenizer.__class__ = type("Dashless", (kind,), {step: without_dashes})
    expected = tokenizer(["we-expect"], truncation=True, max_length=9)["input_ids"]
    assert len(expected[0]) == 5
    assert batches.tokenizer_call(tokenizer, 9)(["we-expect"]) == expected


def test_a_tokenizer_with_parts_in_python_is_left_to_transformers(
    make_tokenizer: Callable[[], Any],
) -> None:
    from tokenizers import NormalizedString, PreTokenizedString, pre_tokenizers

    class ByDash:
        def split(self, _: int, text: NormalizedString) -> list[NormalizedString]:
            found: list[NormalizedString] = text.split("-", "removed")
            return found

        def pre_tokenize(self, text: PreTokenizedString) -> None:
            text.split(self.split)

    tokenizer = make_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(ByDash())
    expected = tokenizer(["we-expect-demand"], truncation=True, max_length=9)["input_ids"]
    assert len(expected[0]) == 5
    assert batches.tokenizer_call(tokenizer, 9)(["we-expect-demand"]) == expected
