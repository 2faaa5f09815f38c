import gzip
import zipfile
from pathlib import Path

import pytest

from ftm_resources.sources.files.columns import REQUIRED as COLUMNS
from tests.calls_in_files import problems, read, row, write

REQUIRED = ",".join(row())
TEXT = 'Sales rose; margins,\ttoo. "Very | well", société.'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"companyid,companyname\n", "is not a readable Parquet file"),
        ("a.csv", b"PAR1....", "is not a CSV file"),
        ("a.csv", b"PK\x03\x04....", "is not a CSV file"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", REQUIRED.encode() + b"\n", "the file has no rows"),
        ("a.csv", gzip.compress(b"a,b\n", mtime=0), "it is compressed with gzip"),
        ("a.csv.gz", b"", "the file is empty"),
        ("a.csv", b"\xef\xbb\xbf", "the file is empty"),
        ("a.csv", "companyid,companyname\n".encode("utf-16-le"), "in UTF-16 without a byte order mark"),
        ("a.csv", "companyid,companyname\n".encode("utf-32"), "in UTF-32"),
        ("a.csv", b"\xff\xfec\0o", "is not UTF-16, as it begins"),
        ("a.csv", (REQUIRED + "\n").encode("utf-16") + b"1", "is not UTF-16, as it begins"),
        ("a.zip", b"PK\x03\x04....", "is not a readable zip file"),
        ("a.zip", b"a,b\n", "is not a readable zip file"),
        ("a.csv.gz", b"not gzip", "is not a readable gzip file"),
        ("a.csv", b"companyid;companyname\n1;2\n", "missing; found: companyid;companyname"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
):
    (tmp_path / name).write_bytes(content)
    assert message in problems(tmp_path / name)[0]


def test_a_gzip_file_that_breaks_off_is_refused(tmp_path: Path):
    plain = write(tmp_path / "a.csv", [row(i) for i in range(99)])
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-12])
    assert "b.csv.gz: is not a readable gzip file" in problems(packed)[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_delimiter_and_the_encoding_are_seen_in_the_header(tmp_path: Path, delimiter: str, encoding: str):
    rows = [row(0, componenttext=TEXT), row(1)]
    path = write(tmp_path / "a.csv", rows, encoding, delimiter=delimiter)
    assert read(path).column("componenttext").to_pylist() == [TEXT, "Component 1."]


def test_a_bad_line_of_a_file_with_semicolons_is_named(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0)], delimiter=";")
    path.write_text(path.read_text() + "1;2\n")
    assert problems(path) == ["a.csv row 2: has 2 fields, but the header has 7"]


@pytest.mark.parametrize("name", ["a.TSV", "a.tsv.gz", "a.CSV"])
def test_endings_of_text_are_read_in_any_case(tmp_path: Path, name: str):
    content = write(tmp_path / "plain.csv", [row()], delimiter="\t").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert read(tmp_path / name).num_rows == 1


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return path


def test_a_zip_file_of_one_table_is_read(tmp_path: Path):
    content = write(tmp_path / "plain.csv", [row(i) for i in range(3)]).read_bytes()
    path = zipped(tmp_path / "a.zip", ("calls/query.csv", content), ("__MACOSX/._query.csv", b"x"))
    assert read(path).num_rows == 3


@pytest.mark.parametrize(
    "members", [(), (("a.csv", b"x"), ("b.csv", b"y")), (("calls.dta", b"x"),), (("xl/workbook.xml", b"x"),)]
)
def test_a_zip_file_of_anything_else_is_refused(tmp_path: Path, members: tuple[tuple[str, bytes], ...]):
    (found,) = problems(zipped(tmp_path / "a.zip", *members))
    assert "must contain one CSV file and nothing else" in found
    assert all(name in found for name, _ in members)


def test_a_zip_file_with_a_password_is_refused(tmp_path: Path):
    path = zipped(tmp_path / "a.zip", ("a.csv", b"x"))
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    path.write_bytes(content)
    assert "protected by a password" in problems(path)[0]


def test_a_field_of_too_many_bytes_ends_the_file(tmp_path: Path):
    path = write(tmp_path / "a.csv", [row(0), row(1, componenttext="x" * (16 * 1024 * 1024 + 1))])
    assert "row 2: is not well-formed CSV, and nothing after it was read" in problems(path)[0]


def unquoted(path: Path, texts: list[str], order: tuple[str, ...], delimiter: str) -> Path:
    """Write a file without quotation marks around texts; each turn is a firm's only one."""
    rows = [row(i, companyid=7 + i, transcriptid=70 + i, componenttext=text) for i, text in enumerate(texts)]
    lines = [delimiter.join(order), *(delimiter.join(str(r[n]) for n in order) for r in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
@pytest.mark.parametrize(
    "order",
    [COLUMNS, COLUMNS[::-1], ("componenttext", *(n for n in COLUMNS if n != "componenttext"))],
    ids=["text_within", "turned", "text_first"],
)
@pytest.mark.parametrize("n_between", [0, 1, 3])
def test_records_that_an_unquoted_quotation_mark_swallows_are_refused(
    tmp_path: Path, delimiter: str, order: tuple[str, ...], n_between: int
):
    texts = ["Good morning.", '"We grew', *["Sales rose."] * n_between, 'in 12"', "Thank you."]
    found = problems(unquoted(tmp_path / "a.tsv", texts, order, delimiter))
    assert len(found) == 1
    assert found[0].startswith(
        f"a.tsv row 2: has a quotation mark that is never closed, so that {n_between + 1} more"
    )
    assert found[0].endswith(
        "Export it with quotation marks around texts, and those within them doubled, or as Parquet"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("order", [COLUMNS, ("componenttext", *(n for n in COLUMNS if n != "componenttext"))])
def test_a_quoted_text_of_many_lines_and_delimiters_is_read(
    tmp_path: Path, delimiter: str, order: tuple[str, ...]
):
    table = delimiter.join("1234567")
    said = [
        f"Our table:\n{table}\n{table}",
        f'{table}\n"Well{delimiter} 2020"',
        f'"{delimiter * 6}\n{delimiter * 6}"',
    ]
    rows = [{n: row(i, componenttext=text)[n] for n in order} for i, text in enumerate(said)]
    assert (
        read(write(tmp_path / "a.csv", rows, delimiter=delimiter)).column("componenttext").to_pylist() == said
    )
