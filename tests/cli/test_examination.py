"""What `ftm doctor` finds, and that it finds it without making anything."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ftm_assets.cli import examination, preflight
from ftm_assets.cli.examination import Finding, examine
from ftm_assets.methods.topics import published
from ftm_resources.extras import MissingExtraError
from ftm_resources.models import loading
from ftm_resources.price_table import PriceTableError
from ftm_resources.sources.pinned_dictionary import PinnedThemesError


def found(what: str, *, online: bool = False) -> Finding:
    (finding,) = [f for f in examine(online=online) if f.what == what]
    return finding


def test_a_machine_that_is_ready_says_so_and_nothing_is_made(ftm, tmp_path: Path):
    done = ftm("doctor")
    assert done.exit_code == 0, done.output
    assert "Ready to run" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "what", "advice"),
    [
        ("FTM_SOURCE", "[files]", "Settings", "Correct the variable."),
        ("LLM_BASE_URL", "localhost:8000", "Endpoint for names", "http://localhost:8000/v1"),
        ("FTM_SENTIMENT_MODEL", "nobody/nothing", "Sentiment model", "HF_HUB_OFFLINE"),
        ("FTM_SENTIMENT_MODEL", "/nowhere/model", "Sentiment model", "Set FTM_SENTIMENT_MODEL to"),
        ("FTM_EMBEDDING_MODEL", "/nowhere/model", "Embedding model", "Set FTM_EMBEDDING_MODEL to"),
        ("FTM_PRICES", "/nowhere/prices.csv", "Prices", "Correct the file or FTM_PRICES"),
        ("FTM_EMBEDDING_CACHE", "s3://bucket/cache", "Embedding cache", "Correct FTM_EMBEDDING_CACHE"),
        ("FTM_EMBEDDING_CACHE", "/dev/null", "Embedding cache", "Correct FTM_EMBEDDING_CACHE"),
    ],
)
def test_what_would_fail_fails_with_what_to_do(
    ftm, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str, advice: str
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv(variable, value)
    finding = found(what)
    assert finding.status == "fail"
    assert advice in finding.advice
    done = ftm("doctor")
    assert done.exit_code == 1
    assert "1 problem to solve" in done.stdout


@pytest.mark.parametrize("command", [("themes", "2023Q1"), ("run",), ("doctor",)])
def test_a_warehouse_on_s3_without_its_extra_says_what_to_install(
    ftm, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
):
    monkeypatch.setenv("FTM_WAREHOUSE", "s3://bucket/prefix")
    monkeypatch.setitem(sys.modules, "boto3", None)
    done = ftm(*command)
    said = " ".join(done.output.split())
    assert done.exit_code == 1
    assert (
        "A warehouse on S3 needs an extra: pip install -c constraints.txt -e '.[aws]' (in the clone of FTM)."
        in said
    )
    assert "bug" not in said
    assert "ftm restore" not in said


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("is_faster", "fastest"), [(True, "bfloat16"), (False, "float32")])
def test_the_precision_is_the_one_that_models_will_have(
    monkeypatch: pytest.MonkeyPatch, is_faster: bool, fastest: str
):
    monkeypatch.setattr(loading, "cpu_is_faster_in_bfloat16", lambda: is_faster)

    def said() -> list[str]:
        return [f.found for f in examine() if f.what == "Precision"]

    end = f"; it is fastest in {fastest}"
    assert said() == [f"on this CPU, embeddings in {fastest}, sentiment in {fastest}{end}"]
    monkeypatch.setenv("FTM_EMBEDDING_PRECISION", "bfloat16")
    monkeypatch.setenv("FTM_SENTIMENT_PRECISION", "float32")
    chosen = (
        "embeddings in bfloat16 (FTM_EMBEDDING_PRECISION)",
        "sentiment in float32 (FTM_SENTIMENT_PRECISION)",
    )
    assert said() == [f"on this CPU, {', '.join(chosen)}{end}"]
    monkeypatch.setenv("FTM_SENTIMENT_MODEL", "word-lists")
    assert said() == [f"on this CPU, {chosen[0]}{end}"]
    monkeypatch.setenv("FTM_EMBEDDING_BASE_URL", "http://localhost:8000/v1")
    assert said() == []


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("asset", ["firm_topics", "themes"])
def test_a_run_by_bertopic_is_refused_without_it_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, asset: str
):
    """It is needed after the embeddings, hours later."""
    monkeypatch.setattr(published, "MODULES", ("no_such_module",))
    with pytest.raises(MissingExtraError, match=r"BERTopic needs an extra: pip install .*bertopic"):
        preflight.require_ready({"ops": {asset: {"config": {"method": "bertopic"}}}})
    preflight.require_ready({"ops": {asset: {"config": {"method": "graph"}}, "themes": {"config": None}}})


@pytest.mark.usefixtures("place")
def test_the_source_of_returns_is_named_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert "the sample's own" in found("Returns").found
    monkeypatch.setenv("FTM_SOURCE", "files")
    monkeypatch.setenv("FTM_SOURCE_PATH", str(tmp_path))
    assert "set FTM_RETURNS_SOURCE" in found("Returns").found
    monkeypatch.setenv("FTM_RETURNS_SOURCE", "sample")
    assert found("Returns").status == "fail"
    monkeypatch.setenv("FTM_RETURNS_SOURCE", "files")
    assert "FTM_RETURNS_PATH" in found("Returns").found
    monkeypatch.setenv("FTM_RETURNS_PATH", str(tmp_path / "nowhere"))
    assert (found("Returns").status, "no such file" in found("Returns").found) == ("fail", True)


@pytest.mark.usefixtures("place")
def test_pinned_themes_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert "set FTM_PINNED_THEMES" in found("Pinned themes").found
    file = tmp_path / "themes.csv"
    monkeypatch.setenv("FTM_PINNED_THEMES", str(file))
    assert found("Pinned themes").status == "fail"
    with pytest.raises(PinnedThemesError, match="No such file"):
        preflight.require_ready({})
    file.write_text(
        "name,description,seed_phrases\nTariffs,Duties on imports,tariffs;duties\n", encoding="utf-8"
    )
    assert (found("Pinned themes").status, found("Pinned themes").found) == ("ok", f"{file}: 1 theme")
    preflight.require_ready({})


@pytest.mark.usefixtures("place")
def test_a_table_of_prices_that_cannot_be_used_is_refused_before_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """It is needed at the very end of a quarter, hours later."""
    monkeypatch.setenv("FTM_PRICES", str(tmp_path / "none.csv"))
    with pytest.raises(PriceTableError, match=r"FTM_PRICES: .*none\.csv cannot be read"):
        preflight.require_ready({})


@pytest.mark.usefixtures("place")
def test_a_full_disk_fails_and_a_small_one_warns(monkeypatch: pytest.MonkeyPatch):
    usage = examination.shutil.disk_usage("/")
    for free, status in [(10 * 1024**3, "ok"), (1024**3, "warn"), (1024**2, "fail")]:
        monkeypatch.setattr(examination.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert found("Disk").status == status


@pytest.mark.parametrize("below", ["", "/warehouse"])
def test_a_file_where_the_warehouse_should_be_fails(
    ftm, place: Path, monkeypatch: pytest.MonkeyPatch, below: str
):
    (place / "calls.csv").touch()
    monkeypatch.setenv("FTM_WAREHOUSE", f"{place}/calls.csv{below}")
    finding = found("Warehouse")
    assert finding.status == "fail"
    assert f"{place}/calls.csv is a file. Set FTM_WAREHOUSE to a folder" in finding.found
    assert ftm("doctor").exit_code == 1


@pytest.mark.usefixtures("warehouse")
def test_an_unsound_quarter_warns():
    finding = found("Warehouse")
    assert finding.status == "warn"
    assert "2020Q1 (incomplete)" in finding.found


@pytest.fixture
def server() -> object:
    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"object": "list", "data": [{"id": "small", "object": "model", "created": 0, "owned_by": "x"}]}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Models)
    Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/v1"
    running.shutdown()
    running.server_close()


@pytest.mark.usefixtures("place")
def test_an_endpoint_is_asked_only_online(monkeypatch: pytest.MonkeyPatch, server: str):
    monkeypatch.setenv("LLM_BASE_URL", server.replace("//", "//user:secret@"))
    monkeypatch.setenv("LLM_MODEL", "large")
    assert "not tested" in found("Endpoint for names").found
    assert "secret" not in found("Endpoint for names").found
    finding = found("Endpoint for names", online=True)
    assert (finding.status, finding.advice) == ("fail", "Set LLM_MODEL to a model that it serves.")
    assert "serves small, not large" in finding.found
    monkeypatch.setenv("LLM_MODEL", "small")
    assert found("Endpoint for names", online=True).status == "ok"


@pytest.mark.usefixtures("place")
def test_a_server_that_is_down_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLM_BASE_URL", "http://127.0.0.1:9/v1")
    assert found("Endpoint for names", online=True).status == "fail"


@pytest.mark.usefixtures("place")
def test_the_key_does_not_follow_a_redirect(
    monkeypatch: pytest.MonkeyPatch, scripted_llm, reply, server: str
):
    scripted_llm.models = lambda _asked: reply(status=307, headers={"Location": f"{server}/models"})
    monkeypatch.setenv("LLM_BASE_URL", scripted_llm.url)
    monkeypatch.setenv("LLM_MODEL", "small")
    finding = found("Endpoint for names", online=True)
    assert finding.status == "fail"
    assert "redirects are not followed" in finding.found


@pytest.mark.usefixtures("place", "library")
def test_wrds_is_logged_in_to_only_online(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FTM_SOURCE", "capital_iq")
    assert "not tested" in found("WRDS").found
    assert "logged in" in found("WRDS", online=True).found
    monkeypatch.setenv("WRDS_PASSWORD", "wrong")
    assert found("WRDS", online=True).status == "fail"
    monkeypatch.delenv("WRDS_PASSWORD")
    monkeypatch.delenv("WRDS_USERNAME")
    assert "no credentials" in found("WRDS").found
