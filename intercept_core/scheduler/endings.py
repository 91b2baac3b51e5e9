"""Sessions that the scheduler ends by itself."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason
from vllm.v1.request import RequestStatus

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin


class Endings:
    """Ends requests, and tells whoever reads their outputs.

    vLLM takes it that who ends a request from outside knows of it, and says nothing.
    """

    def __init__(self, scheduler: "InterceptMixin") -> None:
        self._scheduler = scheduler
        self._untold: list[tuple[int, EngineCoreOutput]] = []

    def end(self, request_ids: Iterable[str], reason: str) -> int:
        """Ends requests with finish reason ``abort`` and ``reason`` as their stop reason.

        Returns:
            How many of them had not ended before.
        """
        ended = self._scheduler.finish_requests(request_ids, RequestStatus.FINISHED_ABORTED)
        self._untold += [
            (
                request.client_index,
                EngineCoreOutput(
                    request_id=request.request_id,
                    new_token_ids=[],
                    finish_reason=FinishReason.ABORT,
                    stop_reason=reason,
                ),
            )
            for request in ended
        ]
        return len(ended)

    @property
    def untold(self) -> bool:
        """Whether the engine has to step to tell of an end."""
        return bool(self._untold)

    def tell(self, outputs: dict[int, EngineCoreOutputs]) -> None:
        """Adds the last outputs of those that were ended."""
        for client, output in self._untold:
            outputs.setdefault(client, EngineCoreOutputs()).outputs.append(output)
        self._untold.clear()
