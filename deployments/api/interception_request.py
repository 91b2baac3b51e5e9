"""What a request asks of the server's augmentations, and how the engine is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.exceptions import VLLMValidationError

from deployments.api.server_tools import ServerTools, UnknownToolError

HEADER = "x-infercept-augmentations"
"""Turns augmentations on for a request: their names with commas, or ``all``."""

AnyRequest = TypeVar("AnyRequest", ChatCompletionRequest, CompletionRequest)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the engine is asked to do for a request.

    Attributes:
        kinds: Augmentations that the server runs.
        client_tools: Tools that the client runs.
        show_calls: Whether calls and results appear in the text.
    """

    kinds: tuple[str, ...]
    client_tools: tuple[str, ...] = ()
    show_calls: bool = False


def named_augmentations(
    request: ChatCompletionRequest | CompletionRequest,
    raw_request: Request | None,
    tools: ServerTools,
) -> tuple[str, ...]:
    """The augmentations that header and ``vllm_xargs`` turn on.

    Raises:
        VLLMValidationError: if one is not known.
    """
    header = raw_request.headers.get(HEADER) if raw_request is not None else None
    xarg = (request.vllm_xargs or {}).get("augmentations")
    if not header and not xarg:
        return ()
    kinds: dict[str, None] = {}
    for source, names in ((HEADER, header), ("vllm_xargs.augmentations", xarg)):
        kinds |= dict.fromkeys(_select(source, names, tools))
    return tuple(kinds)


def wants_calls_shown(
    request: ChatCompletionRequest | CompletionRequest, default: bool
) -> bool:
    """Whether ``vllm_xargs.show_calls`` is on.

    Raises:
        VLLMValidationError: if it is neither 0 nor 1.
    """
    value = (request.vllm_xargs or {}).get("show_calls", int(default))
    if value not in (0, 1, "0", "1"):
        raise VLLMValidationError(
            "vllm_xargs.show_calls: must be 0 or 1", parameter="show_calls", value=value
        )
    return bool(int(str(value)))


def with_wish(request: AnyRequest, wish: Wish, channel_id: str) -> AnyRequest:
    """A copy of ``request`` that tells the engine what to do."""
    xargs: dict[str, Any] = dict(request.vllm_xargs or {})
    xargs["augmentations"] = list(wish.kinds)
    xargs["client_tools"] = list(wish.client_tools)
    xargs["show_calls"] = int(wish.show_calls)
    xargs["intercept_channel"] = channel_id
    return request.model_copy(update={"vllm_xargs": xargs})


def without_wish(request: AnyRequest) -> AnyRequest:
    """A copy of ``request`` for which the engine does nothing special."""
    xargs = {k: v for k, v in (request.vllm_xargs or {}).items() if k != "augmentations"}
    return request.model_copy(update={"vllm_xargs": xargs or None})


def refuse_several(request: ChatCompletionRequest | CompletionRequest) -> None:
    """Interceptions belong to one generation.

    Raises:
        VLLMValidationError: if the request asks for several, or for a beam search.
    """
    if (request.n or 1) > 1:
        raise VLLMValidationError(
            "n: must be 1 together with augmentations; send several requests instead",
            parameter="n",
            value=request.n,
        )
    if request.use_beam_search:
        raise VLLMValidationError(
            "use_beam_search: cannot be combined with augmentations; leave it out",
            parameter="use_beam_search",
        )


def _select(source: str, names: Any, tools: ServerTools) -> Sequence[str]:
    if not names:
        return ()
    if not isinstance(names, str | list):
        raise VLLMValidationError(
            f"{source}: must be a list of names, or one text with commas",
            parameter="augmentations",
            value=names,
        )
    try:
        return tools.select(names)
    except UnknownToolError as error:
        raise VLLMValidationError(
            f"{source}: {error}", parameter="augmentations", value=names
        ) from None
