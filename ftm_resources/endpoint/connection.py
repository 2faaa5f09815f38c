"""The connection to an OpenAI-compatible server: waiting for startup, counting retries, and giving up."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from ftm_resources import settings
from ftm_resources.endpoint import address, bodies, resending
from ftm_resources.endpoint.pace import GIVEN_UP, PATIENCE, Pace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    import httpx2
    import openai

T = TypeVar("T")

_log = logging.getLogger(__name__)

STARTING = frozenset({408, 409, 429, 502, 503, 504})
"""Statuses that a server, or a proxy in front of it, returns until it is up."""

FREE_RETRIES = 10
"""Retries per concurrent request that a run always has, in addition to its retry budget."""

FREE_SENDS = 3
"""Times that a request which timed out for want of places is sent again without counting as a retry."""

BUSY_SECONDS = 120.0
"""So long without any reply a 429 does not count as a retry: the server is there, and wants time."""

ALIKE_REFUSALS = 10
"""After this many identical refusals and no reply, the endpoint is at fault, not the requests."""


SHORT_SECONDS = 10.0
"""Timeout of the requests that check an endpoint before anything is computed."""


class RequestError(Exception):
    """One request without a usable reply: `reason` says why, `kind` what failed.

    `rejected`: the server refused this request; `unanswered`: no reply after all retries; `down`: not sent, because
    the endpoint had been given up; `unusable`: replies arrived, but none was valid.
    """

    def __init__(
        self, reason: str, kind: Literal["rejected", "unanswered", "down", "unusable"], attempts: int = 0
    ) -> None:
        super().__init__(reason)
        self.reason, self.kind, self.attempts = reason, kind, attempts


class EndpointUnavailableError(ConnectionError):
    """The endpoint is unusable for every request; the message says what to fix."""


@dataclass(frozen=True)
class Endpoint:
    """A server's address and the limits on waiting for it."""

    url: str
    key: str | None = field(repr=False)
    prefix: str
    """Prefix of its settings' names: LLM or FTM_EMBEDDING."""
    concurrency: int
    """Most requests in flight."""
    max_retries: int
    read_seconds: float
    """Timeout, from a request to the last byte of its reply; PATIENCE times as long if replies are slow."""
    startup_seconds: float
    """Seconds to wait for a server that does not answer yet."""
    max_bytes: int
    """Largest reply accepted."""
    retry_budget: float = 1.0
    """Average retries per request before a run gives up, in addition to its free ones."""
    degrades: bool = False
    """Once it is given up: return an error for each remaining request instead of failing the run."""
    advice: str = ""
    """Ending of the message if the run fails."""

    @classmethod
    def configured(cls, prefix: str, base_url: str | None, api_key: str | None, **patience: Any) -> Endpoint:
        """Return an endpoint as configured, by default from the settings `<prefix>_BASE_URL` and `_API_KEY`.

        The environment's key is sent only to the host that the environment names. EndpointUnavailableError if the
        config passes it, or another secret of the environment (see `settings.secrets`), to another host as
        `api_key`; and if the address is none.
        """
        named, key = (getattr(settings.current(), f"{prefix}_{n}".lower()) for n in ("base_url", "api_key"))
        url = (base_url or named or "").rstrip("/")
        if problem := address.fault(url):
            where = "base_url in the run's config" if base_url else f"{prefix}_BASE_URL"
            raise EndpointUnavailableError(
                f"{where} is not an address: {problem}. Write for example {address.EXAMPLE}"
            )
        shared = settings.secret(key) if address.origin(url) == address.origin(named) else None
        if api_key is not None and shared != api_key and (variable := settings.secrets().get(api_key)):
            raise EndpointUnavailableError(
                f"the config would send a secret of this environment to {address.shown(url)}: the value of {variable}. "
                f"The environment's key goes only to the host of {prefix}_BASE_URL. For another host, set a variable "
                f"{settings.CONFIG_KEY}NAME with that host's key, and pass it as api_key"
            )
        return cls(url, api_key or shared, prefix, **patience)

    def where(self) -> str:
        """Return the kind of endpoint and its URL without credentials."""
        what = "LLM" if self.prefix == "LLM" else "embedding"
        return f"{what} endpoint {address.shown(self.url)}"

    def redact(self, text: str) -> str:
        """Return a server's text, truncated, with the key removed."""
        return (text.replace(self.key, "***") if self.key else text)[:500]


@dataclass
class Health:
    """What a run has learnt about its endpoint; kept across calls."""

    is_ready: bool = False
    down: str | None = None
    """Why the endpoint was given up; None while it is in use."""
    models: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    """Models it serves, each with its context in tokens and its root name, if the server reports them."""
    requests: int = 0
    retries: int = 0
    answered: int = 0
    unanswered: int = 0
    """Consecutive requests without a reply after all their retries."""
    refusals: list[str] = field(default_factory=list)
    """The text of each refusal before the first reply."""
    pace: Pace | None = None
    """None before the first connection."""


class Connection:
    """Connections to an endpoint within one event loop; an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, health: Health) -> None:
        self.endpoint, self.health, self._starting = endpoint, health, asyncio.Lock()
        if health.pace is None:
            health.pace = Pace(endpoint.concurrency, endpoint.read_seconds)
        self.pace = health.pace

    async def __aenter__(self) -> Self:
        import httpx2  # noqa: PLC0415
        import openai

        from ftm_resources.endpoint.client import BoundedClient  # noqa: PLC0415

        given, n = self.endpoint, self.endpoint.concurrency
        http = BoundedClient(
            before=self._before,
            seconds=lambda request: given.read_seconds * (PATIENCE if request.method == "POST" else 1),
            max_bytes=given.max_bytes,
            limits=httpx2.Limits(max_connections=n, max_keepalive_connections=n),
            timeout=httpx2.Timeout(None, connect=min(10.0, given.read_seconds)),  # the rest is in `seconds`
        )
        self._client = openai.AsyncOpenAI(
            base_url=given.url,
            organization="",  # None: from the environment, as custom headers; see `client`, which drops them all
            project="",
            api_key=given.key or "none",  # the client requires one; servers without keys ignore it
            max_retries=0,  # `ask` retries
            http_client=http,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(
        self, call: Callable[[openai.AsyncOpenAI], Awaitable[Any]], total: int
    ) -> tuple[Any, int, float]:
        """Make a raw-response call of the client; return the reply's JSON, requests sent and seconds taken.

        The call is sent once there is a place for it (see `pace`), and again if that may help (see `resending`).
        `total` is the number of calls in all. RequestError if this call got no reply; EndpointUnavailableError if
        the endpoint is unusable.
        """
        import openai

        await self.wait_until_ready()
        sent = n_retries = n_free = 0
        started = 0.0
        while True:
            wait, is_free = None, False
            try:
                async with self.pace.place() as place:
                    self._count(sent, n_retries)
                    sent, started = sent + 1, started or time.perf_counter()
                    raw = await call(self._client)
                    self.pace.replied(place)
            except TimeoutError:
                fault = f"ReadTimeout: no complete reply within {place.seconds():.3g} s"
                if is_free := self.pace.timed_out(place) and n_free < FREE_SENDS:
                    n_free, wait = n_free + 1, 0.0
            except openai.APIConnectionError as error:
                fault = bodies.fault(error)
            except openai.APIStatusError as error:
                wait = resending.asked_wait(error)
                if error.status_code in resending.BUSY:
                    self.pace.refused(place, wait)
                    is_free = error.status_code == 429 and self.pace.silent_seconds() < BUSY_SECONDS
                else:
                    self.pace.heard()
                if not resending.is_worth_it(error):
                    self.pace.replied(place)
                    raise self._failure(error, sent, total) from None
                fault = self._said(error)
            else:
                self.health.answered += 1
                self.health.unanswered = 0
                return bodies.content(raw.content), sent, time.perf_counter() - started
            if not (is_free and self.endpoint.max_retries):
                if n_retries >= self.endpoint.max_retries or self.pace.silence >= GIVEN_UP:
                    raise self._unanswered(fault, sent, total)
                n_retries += 1
            await asyncio.sleep(resending.usual_wait(sent - 1) if wait is None else wait)

    async def wait_until_ready(self, *, patient: bool = True) -> None:
        """Wait until the server lists its models or is given up; unless `patient`, try only once."""
        async with self._starting:
            started, pause, limit = time.monotonic(), 0.5, self.endpoint.startup_seconds
            while not self.health.is_ready and self.health.down is None and (fault := await self._look()):
                left = limit - (time.monotonic() - started)
                if not patient:
                    break
                if left < pause:
                    self.give_up(f"did not answer within {limit:g} s; last: {fault}")
                    break
                wait = f"waiting up to {left:.0f} s more (vLLM loads a model in 5 to 10 minutes)"
                _log.warning("%s does not answer yet (%s); %s", self.endpoint.where(), fault, wait)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 10.0)

    async def require_usable(self, chat_model: str | None) -> str | None:
        """Return why the server does not answer, or None if it does; raise as `check`."""
        import openai

        fault = await self._look()
        if fault or chat_model is None or chat_model in self.health.models:
            return fault
        # It lists no models for this key, or not this one: only a request shows whether it may be used.
        asked: list[Any] = [{"role": "user", "content": "Hello"}]
        try:
            await self._client.chat.completions.create(model=chat_model, messages=asked, max_tokens=1)
        except openai.APIConnectionError as error:
            return self.endpoint.redact(bodies.fault(error))
        except openai.APIStatusError as error:
            failure = self._failure(error, 1, 1)
            if isinstance(failure, EndpointUnavailableError):
                raise failure from None
            if isinstance(failure, RequestError) and failure.kind == "rejected" and not self.health.models:
                names = f"{self.endpoint.prefix}_API_KEY and {self.endpoint.prefix}_MODEL"
                raise EndpointUnavailableError(
                    f"{self.endpoint.where()} refused a test request: {failure.reason}. Check {names}"
                ) from None
        return None

    async def served(self) -> list[str]:
        """Return the models that the server lists; EndpointUnavailableError, saying why, if it lists none."""
        import openai

        try:
            raw = await self._client.models.with_raw_response.list()
        except openai.APIConnectionError as error:
            reason = self.endpoint.redact(bodies.fault(error))
            raise EndpointUnavailableError(f"{self.endpoint.where()} does not answer: {reason}") from None
        except openai.APIStatusError as error:
            failure = self._failure(error, 1, 1)
            raise EndpointUnavailableError(str(failure)) from None
        return sorted(bodies.models(bodies.content(raw.content)))

    async def _look(self) -> str | None:
        """Record the server's models; return why it is not ready, or None if it is."""
        import openai

        try:
            raw = await self._client.models.with_raw_response.list()
            self.health.models = bodies.models(bodies.content(raw.content))
        except openai.APIConnectionError as error:
            return self.endpoint.redact(bodies.fault(error))
        except openai.APIStatusError as error:
            if error.status_code in STARTING:
                return f"HTTP {error.status_code}"
            # Otherwise it lists no models, or not for this key, but it is up.
        self.health.is_ready = True
        return None

    def give_up(self, reason: str) -> None:
        """Stop using the endpoint: raise EndpointUnavailableError or, if it `degrades`, record the reason."""
        reason = f"{self.endpoint.where()} {reason}"
        if not self.endpoint.degrades:
            vars(self.health).update(vars(Health()))  # the server may have been repaired by the next call
            raise EndpointUnavailableError(f"{reason}{self.endpoint.advice}")
        if self.health.down is None:
            self.health.down = reason
            _log.warning("%s; continuing without it", reason)
            self.pace.open()

    def count_refusal(self, reason: str, total: int) -> None:
        """Count a request that was refused in every form; give up if the first ones are all refused alike."""
        refusals = self.health.refusals
        if self.health.answered or len(refusals) >= ALIKE_REFUSALS:
            return
        # Ignore numbers and ids, which differ between otherwise identical messages.
        refusals.append(re.sub(r"\S*\d\S*", "#", reason.partition(": ")[2]))
        if len(set(refusals)) == 1 and len(refusals) >= max(3, min(ALIKE_REFUSALS, total)):
            names = f"{self.endpoint.prefix}_API_KEY and {self.endpoint.prefix}_MODEL"
            self.give_up(f"refused the first {len(refusals)} requests alike: {reason}. Check {names}")

    def _before(self, request: httpx2.Request) -> None:
        request.headers["Authorization"] = f"Bearer {self.endpoint.key or 'none'}"  # whatever OPENAI_… say

    def _count(self, sent: int, n_retries: int) -> None:
        """Count a request that is about to be sent; RequestError if the endpoint was given up."""
        health, budget = self.health, self.endpoint.retry_budget
        health.requests += 1
        health.retries += n_retries > 0
        if health.retries > FREE_RETRIES * self.endpoint.concurrency + budget * health.requests:
            cost = f"cost {health.retries} retries in {health.requests} requests"
            self.give_up(f"{cost}, more than retry_budget={budget:g} allows")
        if health.down is not None:
            raise RequestError(health.down, "down", sent)

    def _said(self, error: openai.APIStatusError) -> str:
        words = error.body.get("message") if isinstance(error.body, dict) else None
        return self.endpoint.redact(
            f"HTTP {error.status_code}: {words if isinstance(words, str) else error.response.text}"
        )

    def _failure(self, error: openai.APIStatusError, attempts: int, total: int) -> Exception:
        """Return the exception for an error status, for this request or for the whole endpoint."""
        where, prefix, status = self.endpoint.where(), self.endpoint.prefix, error.status_code
        said = self._said(error)
        if error.response.has_redirect_location:
            target = address.shown(error.response.headers["location"][:300])
            self.give_up(
                f"redirects to {target} (HTTP {status}), and redirects are not followed: texts go only where you "
                f"send them. Set {prefix}_BASE_URL to that address if it is the right one"
            )
            return RequestError(f"redirected to {target}", "down", attempts)
        if status in {401, 403}:  # the server's text is left out, as it may quote part of the key
            return EndpointUnavailableError(
                f"{where} refused the key (HTTP {status}): check {prefix}_API_KEY. It is sent only to the host of "
                f"{prefix}_BASE_URL; any other base_url needs its own api_key"
            )
        if status == 404:
            served = ", ".join(sorted(self.health.models)[:5])
            return EndpointUnavailableError(
                f"{where} answered {said}. Check {prefix}_MODEL{f' (it serves: {served})' if served else ''}, "
                f"and that {prefix}_BASE_URL ends in /v1"
            )
        if status in STARTING or status >= 500:
            return self._unanswered(said, attempts, total)
        self.health.unanswered = 0
        return RequestError(said, "rejected", attempts)

    def _unanswered(self, fault: str, attempts: int, total: int) -> RequestError:
        self.health.unanswered += 1
        fault = self.endpoint.redact(fault)
        # One slow request is not an outage; 2 x concurrency failures in a row are, and silence is.
        is_silent = self.pace.silence >= GIVEN_UP
        if is_silent or self.health.unanswered >= min(2 * self.endpoint.concurrency, total):
            self.give_up(f"stopped answering; last: {fault}")
        return RequestError(fault, "unanswered", attempts)


async def check(endpoint: Endpoint, chat_model: str | None) -> None:
    """Raise EndpointUnavailableError if a server refuses the key or does not serve the model.

    `chat_model` (None: not a chat endpoint) costs one token if the server does not list it: aliases are not listed. A
    server that does not answer within SHORT_SECONDS is only warned about, because it may still be starting.
    """
    patience = min(endpoint.read_seconds, SHORT_SECONDS)
    async with Connection(replace(endpoint, read_seconds=patience, max_retries=0), Health()) as connection:
        if fault := await connection.require_usable(chat_model):
            wait = f"a step that needs it will wait up to {endpoint.startup_seconds:g} s"
            _log.warning("%s does not answer yet (%s); %s", endpoint.where(), fault, wait)


async def served(endpoint: Endpoint) -> list[str]:
    """Return the models that a server lists; EndpointUnavailableError, saying why, if it lists none."""
    async with Connection(endpoint, Health()) as connection:
        return await connection.served()


async def in_flight(work: Callable[[], Coroutine[Any, Any, None]], n: int) -> None:
    """Run `work` n times concurrently; the first exception cancels the rest and is raised alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(n):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[
            0
        ] from None  # hide the causes: they contain requests, whose headers contain the key


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to completion, in its own thread if this one has a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
