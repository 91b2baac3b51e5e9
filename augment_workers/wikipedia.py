"""Wikipedia, or any other MediaWiki, through its action API."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from augment_workers.base import AugmentationError
from augment_workers.corpus import KnowledgeBase, Page, split_sentences

_RETRYABLE = frozenset({429, 500, 502, 503, 504})


class WikipediaOptions(BaseModel):
    """How to reach the API.

    Attributes:
        url: Of ``api.php`` itself.
        user_agent: Wikimedia asks for one that names the operator and a contact.
        timeout_s: For each HTTP request.
        attempts: Requests for one question, the first included.
        max_wait_s: The longest pause before a repetition, whatever the server asks for.
        cache_entries: Answers kept in memory.
        cache_ttl_s: Seconds for which they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = "https://en.wikipedia.org/w/api.php"
    user_agent: str = "infercept-serve/0.1 (retrieval augmentation; operator not configured)"
    timeout_s: float = Field(default=5.0, gt=0)
    attempts: int = Field(default=3, ge=1)
    max_wait_s: float = Field(default=5.0, ge=0)
    cache_entries: int = Field(default=1024, ge=0)
    cache_ttl_s: float = Field(default=3600.0, ge=0)


class Wikipedia(KnowledgeBase):
    """Asks one question at a time, as the API's etiquette wants, and remembers answers.

    Args:
        clock: Seconds, monotonic; times the cache.
        sleep: Waits for so many seconds; paces the repetitions.
    """

    def __init__(
        self,
        options: WikipediaOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.source = f"the MediaWiki at {options.url}"
        self._options = options
        self._clock = clock
        self._sleep = sleep
        self._client = httpx.AsyncClient(
            headers={"User-Agent": options.user_agent}, timeout=options.timeout_s
        )
        self._one_at_a_time = asyncio.Lock()
        self._cache: OrderedDict[tuple[str, str], tuple[float, dict[str, Any]]] = OrderedDict()

    async def find(self, query: str) -> Page | None:
        """The page with this title, after redirects; its lead section only."""
        # A bar would part several titles.
        title = query.replace("|", " ")
        answer = await self._ask(
            prop="extracts", exintro="1", explaintext="1", redirects="1", titles=title
        )
        for page in _items(answer, "pages"):
            sentences = split_sentences(str(page.get("extract", "")))
            if sentences and "title" in page:
                return Page(str(page["title"]), sentences)
        return None

    async def similar(self, query: str, limit: int = 5) -> list[str]:
        """Titles of the best full-text matches."""
        answer = await self._ask(
            list="search", srsearch=query, srlimit=str(limit), srprop="", srinfo=""
        )
        return [str(hit["title"]) for hit in _items(answer, "search") if "title" in hit]

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _ask(self, **question: str) -> dict[str, Any]:
        key = (question.get("titles", ""), question.get("srsearch", ""))
        async with self._one_at_a_time:
            if (answer := self._remembered(key)) is not None:
                return answer
            answer = await self._fetch(question)
            self._cache[key] = (self._clock() + self._options.cache_ttl_s, answer)
            while len(self._cache) > self._options.cache_entries:
                self._cache.popitem(last=False)
            return answer

    def _remembered(self, key: tuple[str, str]) -> dict[str, Any] | None:
        expiry_s, answer = self._cache.get(key, (0.0, None))
        if answer is None:
            return None
        if expiry_s <= self._clock():
            del self._cache[key]
            return None
        self._cache.move_to_end(key)
        return answer

    async def _fetch(self, question: dict[str, str]) -> dict[str, Any]:
        """The ``query`` part of the answer, after as many attempts as are allowed."""
        fixed = {"action": "query", "format": "json", "formatversion": "2", "maxlag": "5"}
        wait_s, reason = 0.0, ""
        for attempt in range(self._options.attempts):
            if attempt:
                await self._sleep(min(wait_s, self._options.max_wait_s))
            wait_s = 0.5 * 2**attempt
            try:
                response = await self._client.get(
                    self._options.url, params={**fixed, **question}
                )
            except httpx.RequestError as error:
                reason = f"{type(error).__name__} {error}".strip()
                continue
            wait_s = _requested_wait_s(response, wait_s)
            if response.status_code in _RETRYABLE:
                reason = f"HTTP status {response.status_code}"
                continue
            body = _read(response)
            if body.get("error", {}).get("code") == "maxlag":
                reason = "its databases lag behind"
                continue
            return _query_of(body)
        raise AugmentationError(f"Wikipedia does not answer: {reason}.", retryable=True)


def _requested_wait_s(response: httpx.Response, otherwise_s: float) -> float:
    """Seconds of ``Retry-After``; its other form, a date, is not worth a clock's error."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else otherwise_s


def _read(response: httpx.Response) -> dict[str, Any]:
    if response.status_code != httpx.codes.OK:
        raise AugmentationError(f"Wikipedia refuses: HTTP status {response.status_code}.")
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("error", {}), dict):
        raise AugmentationError("Wikipedia's answer is not the JSON of its API.")
    return body


def _query_of(body: dict[str, Any]) -> dict[str, Any]:
    if "error" in body:
        raise AugmentationError(f"Wikipedia refuses: {body['error'].get('info', 'no reason')}.")
    query = body.get("query", {})
    if not isinstance(query, dict):
        raise AugmentationError("Wikipedia's answer is not the JSON of its API.")
    return query


def _items(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = answer.get(name, [])
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
