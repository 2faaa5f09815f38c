"""Labels are read with their faults named, and found in the calls by place and hash."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from ftm_assets.methods.tone_labels import COLUMNS, UNREAD, locate, read_labels
from ftm_resources.sources.files.transcript_files import FilesSource

REPOSITORY = Path(__file__).resolve().parents[2]
HEADER = ",".join(COLUMNS)


def sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8]


def turns(*texts: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"transcriptid": "7", "componentorder": i, "componenttext": t, "componenttypename": "Answer"}
            for i, t in enumerate(texts)
        ]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("component_id,offset\n7:0001,0\n", "the columns length, sha1, kind, tone"),
        (f"{HEADER}\n7:0001,0,5,aaaaaaaa,business,good,,\n", "line 2: tone is 'good', not one of positive"),
        (f"{HEADER}\n7:0001,0,5,aaaaaaaa,call,,,\n7:0001,x,5,a,call,,,\n", "line 3: offset is 'x'"),
    ],
)
def test_a_file_that_is_not_of_labels_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_labels(file)


def test_sentences_are_found_and_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    said = "Sales&nbsp;grew."
    rows = [
        f"7:0000,4,{len(said)},{sha(said)},business,positive,business,neutral",
        f"7:0000,0,3,{sha('Hi.')},call,,,",
        f"7:0000,0,3,{sha('Ha.')},call,,,",  # another text
        f"8:0000,0,3,{sha('Hi.')},call,,,",  # another call
    ]
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    found = locate(read_labels(file), [turns(f"Hi. {said}")])
    assert found.texts == ["Sales grew.", "Hi."]
    assert found.calls.tolist() == ["7", "7"]
    assert found.sections.tolist() == ["q_and_a", "q_and_a"]
    assert found.first.tolist() == [0, UNREAD]
    assert found.second.tolist() == [1, UNREAD]
    assert (found.n_missing, found.n_changed) == (1, 1)


def test_every_label_of_the_project_is_found_in_the_real_calls(earnings21: Path) -> None:
    source = FilesSource(earnings21)
    parts = (part for quarter in source.quarters() for part in source.components(quarter))
    found = locate(read_labels(REPOSITORY / "benchmarks" / "labels" / "sentences.csv"), parts)
    assert (found.n_missing, found.n_changed) == (0, 0)
    assert len(found.texts) == 18119
