"""Requests to an OpenAI-compatible server: waiting for a cold one, retries, and when to give it up.

The chat client (`llm`) and the client for embeddings (`remote_embedder`) both speak through this. What is
sent and what a good reply is are theirs; here is only how a request reaches a server and what becomes of one
that does not come back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    import httpx2
    import openai

T = TypeVar("T")

_log = logging.getLogger(__name__)

RETRIED = frozenset({408, 409, 429})
"""Statuses below 500 that pass by themselves."""

STARTING = frozenset({502, 503, 504})
"""What a server, or the proxy before it, answers until it is up."""

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 30.0

LONGEST_RETRY_AFTER_SECONDS = 120.0
"""A server that asks for more patience than this is not waited for."""

FREE_RETRIES = 10
"""Retries per place in flight that a run has in any case, before its error budget counts."""

Kind = Literal["rejected", "unanswered", "down"]


class RequestError(Exception):
    """One request without a usable reply: `reason` says why, `kind` whose fault it is.

    `rejected`: the server refused this one; `unanswered`: no reply after all retries; `down`: not sent, the
    endpoint had been given up; `unusable`: replies came, none of them good.
    """

    def __init__(self, reason: str, kind: Kind | Literal["unusable"], attempts: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.attempts = attempts


class EndpointUnavailableError(ConnectionError):
    """The endpoint as a whole is unusable; the message says what to fix."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server is, and how patient to be with it."""

    url: str
    key: str | None = field(repr=False)
    what: str
    """What it is called in messages, e.g. "LLM endpoint"."""
    settings: str
    """What the names of its settings open with: LLM or FTM_EMBEDDING."""
    concurrency: int
    max_retries: int
    retry_budget: float
    """Retries per request that a run may make on average, beyond its free ones, before it gives up."""
    connect_seconds: float
    read_seconds: float
    startup_seconds: float
    """How long to wait for a server that does not answer yet."""
    otherwise: str = ""
    """What the message of a run that fails goes on with."""
    degrades: bool = False
    """Once it is down for good: errors for the rest of the requests, instead of one for the run."""

    def where(self) -> str:
        """Return what it is and its URL without credentials."""
        parts = urlsplit(self.url)
        return f"{self.what} {parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl()}"

    def redact(self, text: str) -> str:
        """Return a server's words, cut, without the key."""
        return (text.replace(self.key, "***") if self.key else text)[:500]


@dataclass
class Health:
    """What a run has learnt about its endpoint; outlives a single call, as the endpoint's state does."""

    is_ready: bool = False
    down: str | None = None
    """Why the endpoint was given up, once it was."""
    models: dict[str, int | None] = field(default_factory=dict)
    """Models it serves, each with its context in tokens where it says so."""
    requests: int = 0
    retries: int = 0
    unanswered: int = 0
    """Requests in a row that got no reply, after all their retries."""


@dataclass(frozen=True)
class Answer:
    """A reply: its JSON (a text, where it is none), the requests it took, and seconds from first to last."""

    data: Any
    attempts: int
    seconds: float


class Connection:
    """Connections to an endpoint within one event loop; an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, health: Health) -> None:
        self._endpoint = endpoint
        self._health = health
        self._starting = asyncio.Lock()
        self._urls: dict[str, httpx2.URL] = {}

    async def __aenter__(self) -> Self:
        import httpx2  # noqa: PLC0415 - comes with openai

        self._client, self._http = _clients(self._endpoint)
        # Each header costs each request: those in which the client describes itself (X-Stainless) are left out.
        given = {k: v for k, v in self._client.default_headers.items() if isinstance(v, str)}
        given = {k: v for k, v in given.items() if not k.lower().startswith("x-stainless")}
        self._http.headers = {**given, "Authorization": f"Bearer {self._client.api_key}"}
        # Parsed here: the client's models refuse what is not JSON.
        self._raw = httpx2.Response
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def post(self, path: str, content: bytes, *, total: int) -> Answer:
        """Send a request (JSON) until it is answered; `total` is how many the caller has.

        RequestError if this one got no reply; EndpointUnavailableError if none ever will.
        """
        import httpx2  # noqa: PLC0415

        if not self._health.is_ready:
            await self.wait_until_ready()
        health, started, attempt = self._health, time.perf_counter(), 0
        url = self._url(path)
        while True:
            if health.down is not None:
                raise RequestError(health.down, "down", attempt)
            attempt += 1
            health.requests += 1
            try:
                # By the client's own HTTP client: its `post` takes as long again, and would hide the retries.
                response = await self._http.post(url, content=content)
            except httpx2.RequestError as error:  # no connection, reset, time-out
                fault, wait = f"{type(error).__name__}: {error}", None
            else:
                status = response.status_code
                if response.is_success:
                    health.unanswered = 0
                    return Answer(_json(response), attempt, time.perf_counter() - started)
                if status not in RETRIED and status < 500:
                    raise self._refusal(status, _message(response), attempt)
                fault, wait = f"HTTP {status}: {_message(response)}", _retry_after(response.headers)
            fault = self._endpoint.redact(fault)
            patience = LONGEST_RETRY_AFTER_SECONDS
            if attempt > self._endpoint.max_retries or (wait is not None and wait > patience):
                self._count_unanswered(fault, total)
                raise RequestError(fault, "unanswered", attempt)
            self._spend_retry(fault)
            await asyncio.sleep(_backoff(attempt) if wait is None else wait)

    def _url(self, path: str) -> httpx2.URL:
        """Return the URL of a path, parsed once."""
        import httpx2  # noqa: PLC0415

        if path not in self._urls:
            self._urls[path] = httpx2.URL(f"{self._endpoint.url}{path}")
        return self._urls[path]

    async def wait_until_ready(self) -> None:
        """Return once the server answers; a cold vLLM takes 5 to 10 minutes to load its model.

        RequestError (told to degrade) or EndpointUnavailableError if it does not within `startup_seconds`.
        """
        async with self._starting:
            if self._health.is_ready or self._health.down is not None:
                return
            started, pause, where = time.monotonic(), 0.5, self._endpoint.where()
            while why := await self._not_ready():
                waited, limit = time.monotonic() - started, self._endpoint.startup_seconds
                if waited + pause > limit:
                    self._give_up(f"{where} did not answer within {limit:g} s; last: {why}")
                    return
                _log.warning(
                    "%s does not answer yet (%s); waiting up to %.0f s more (vLLM loads a model in 5 to 10 minutes)",
                    where,
                    why,
                    limit - waited,
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, 10.0)
            self._health.is_ready = True

    async def look(self) -> bool:
        """Ask the server once what it serves, without waiting for it; return whether it answered."""
        if not self._health.is_ready:
            self._health.is_ready = await self._not_ready() is None
        return self._health.is_ready

    async def _not_ready(self) -> str | None:
        """Return why the server cannot be asked yet, None if it can; note the models that it serves."""
        import openai

        try:
            listed = await self._client.get("/models", cast_to=self._raw)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise self._refused_key(error.status_code) from None
        except openai.APIStatusError as error:
            if error.status_code in RETRIED | STARTING:
                return f"HTTP {error.status_code}"
            return await self._not_healthy()  # it lists no models, but is there
        except openai.APIError as error:
            return self._endpoint.redact(_transport_fault(error))
        self._health.models = _models(_json(listed))
        return None

    async def _not_healthy(self) -> str | None:
        import openai

        parts = urlsplit(self._endpoint.url)
        try:
            await self._client.get(parts._replace(path="/health").geturl(), cast_to=self._raw)
        except openai.APIStatusError as error:
            return f"HTTP {error.status_code} from /health" if error.status_code in STARTING else None
        except openai.APIError as error:
            return self._endpoint.redact(_transport_fault(error))
        return None

    def _refusal(self, status: int, message: str, attempts: int) -> Exception:
        if status in {401, 403}:
            return self._refused_key(status)
        if status == 404:
            served = ", ".join(sorted(self._health.models)[:5])
            return EndpointUnavailableError(
                f"{self._endpoint.where()} answered HTTP 404: {self._endpoint.redact(message)}. Check "
                f"{self._endpoint.settings}_MODEL{f' (it serves: {served})' if served else ''}, and that "
                f"{self._endpoint.settings}_BASE_URL ends in /v1"
            )
        self._health.unanswered = 0
        return RequestError(self._endpoint.redact(f"HTTP {status}: {message}"), "rejected", attempts)

    def _refused_key(self, status: int) -> EndpointUnavailableError:
        # The server's words are left out: some quote a part of the key.
        return EndpointUnavailableError(
            f"{self._endpoint.where()} refused the key (HTTP {status}): "
            f"check {self._endpoint.settings}_API_KEY"
        )

    def _count_unanswered(self, fault: str, total: int) -> None:
        self._health.unanswered += 1
        # Every place in flight in vain, twice over: one slow request is no outage, 2 x concurrency in a row are.
        if self._health.unanswered >= min(2 * self._endpoint.concurrency, total):
            self._give_up(f"{self._endpoint.where()} stopped answering; last: {fault}")

    def _spend_retry(self, fault: str) -> None:
        self._health.retries += 1
        free = FREE_RETRIES * self._endpoint.concurrency
        if self._health.retries > free + self._endpoint.retry_budget * self._health.requests:
            self._give_up(
                f"{self._endpoint.where()} cost {self._health.retries} retries in {self._health.requests} "
                f"requests, more than retry_budget={self._endpoint.retry_budget:g} allows; last: {fault}"
            )

    def _give_up(self, reason: str) -> None:
        if not self._endpoint.degrades:
            # The next call starts afresh: by then someone may have started the server.
            self._health.is_ready = False
            self._health.requests = self._health.retries = self._health.unanswered = 0
            raise EndpointUnavailableError(
                f"{reason}. Is the server up? Start it and run again{self._endpoint.otherwise}"
            )
        if self._health.down is None:
            self._health.down = reason
            _log.warning("%s; the rest of this run does without it", reason)


def _clients(endpoint: Endpoint) -> tuple[openai.AsyncOpenAI, httpx2.AsyncClient]:
    """Return the client, which knows key and headers, and the HTTP client that it works with."""
    import httpx2  # noqa: PLC0415
    import openai

    # With aiohttp's parser and pool a request takes half the time.
    n = endpoint.concurrency
    limits = httpx2.Limits(max_connections=n, max_keepalive_connections=n, keepalive_expiry=30.0)
    timeout = openai.Timeout(endpoint.read_seconds, connect=endpoint.connect_seconds, pool=None)
    http = openai.DefaultAioHttpClient(limits=limits, timeout=timeout)
    client = openai.AsyncOpenAI(
        base_url=endpoint.url,
        # The client insists on a key; servers without one ignore it.
        api_key=endpoint.key or "none",
        max_retries=0,  # retried here, where they are counted
        timeout=timeout,
        http_client=http,
    )
    return client, http


def _message(response: httpx2.Response) -> str:
    """Return what an error's body says: OpenAI and new vLLM nest it, old vLLM does not."""
    body = _json(response)
    if isinstance(body, dict):
        nested = body.get("error")
        body = nested.get("message") if isinstance(nested, dict) else body.get("message") or nested or body
    return str(body)


def _transport_fault(error: openai.APIError) -> str:
    # The client calls whatever goes wrong with a connection a time-out; its cause says what it was.
    return f"{type(error).__name__}: {error.__cause__ or error.message}"


def _json(response: httpx2.Response) -> Any:
    """Return a body's JSON; its text, where it is none."""
    try:
        return json.loads(response.content)
    except ValueError:
        return response.text


async def in_flight(work: Callable[[], Coroutine[Any, Any, None]], n: int) -> None:
    """Run `work` n times side by side; if the endpoint is unusable, end all with the first such error alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(n):
                group.create_task(work())
    except* EndpointUnavailableError as failures:
        # From None: the causes hold request objects, whose headers hold the key.
        raise failures.exceptions[0] from None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own where this one has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def _backoff(attempt: int) -> float:
    """Return seconds to wait after so many attempts: doubling, less up to a quarter by chance."""
    longest = min(FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1), LONGEST_BACKOFF_SECONDS)
    return longest * (1 - 0.25 * random.random())  # noqa: S311 - spreads requests, keeps no secret


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, as number or date (RFC 9110, 10.2.3); None if it does not."""
    for header, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(header)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _models(listed: Any) -> dict[str, int | None]:
    """Return the models of a `/v1/models` reply; vLLM says the context of each as `max_model_len`."""
    found: dict[str, int | None] = {}
    rows = listed.get("data") if isinstance(listed, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            length = row.get("max_model_len")
            found[row["id"]] = length if isinstance(length, int) and length > 0 else None
    return found
