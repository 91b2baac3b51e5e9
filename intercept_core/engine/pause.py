"""The time between a call and its result, as the request sees it."""

import time
import uuid
from collections.abc import Callable
from contextlib import aclosing

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Failed, Progress, Result
from intercept_core.engine.call_log import CallLog
from intercept_core.engine.dialect import ToolCall
from intercept_core.engine.interception import Interception, InterceptionChannel


class Pause:
    """Runs one call and publishes every step of it.

    Args:
        channel: Where the steps go.
        context_tokens: Length of the context at the call.
        log: Where its beginning and its end are noted.
        clock: Seconds, monotonic.

    Attributes:
        timeout: What to say of a call that missed its deadline; None for any other.
    """

    def __init__(
        self,
        channel: InterceptionChannel,
        context_tokens: int,
        log: CallLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._context_tokens = context_tokens
        self._log = log or CallLog()
        self._clock = clock
        self._since_s = clock()
        self._interception: Interception | None = None
        self.timeout: str | None = None

    async def run(
        self,
        bus: InterceptBus,
        call: ToolCall,
        *,
        request_id: str,
        session_id: str,
        timeout_s: float | None = None,
        fit: Callable[[str], str] = str,
    ) -> str:
        """Has ``call`` done; returns the text for the model, also when it failed.

        Cancelling it cancels the work.

        Args:
            bus: Where the call goes.
            call: What is to be done.
            request_id: The request that waits.
            session_id: Key of the state that the augmentation keeps.
            timeout_s: An earlier deadline than the augmentation's; None for that.
            fit: Cuts a result to what the model may get.
        """
        events = bus.dispatch(
            call.name,
            call.arguments,
            request_id=request_id,
            session_id=session_id,
            timeout_s=timeout_s,
        )
        async with aclosing(events):
            async for event in events:
                if self._interception is None:
                    self._begin(event.call_id, call)
                if isinstance(event, Result):
                    text = fit(event.text)
                    self._publish(state="succeeded", result=text, artifacts=event.artifacts)
                    return text
                if isinstance(event, Failed):
                    if event.code == "deadline":
                        self.timeout = f"deadline: {event.message}"
                    return self._failed(event.code, event.message)
                if isinstance(event, Progress):
                    self._publish(fraction=event.fraction, eta_s=event.eta_s)
        raise AssertionError("the bus ended a call without an outcome")

    def refuse(self, call: ToolCall, code: str, message: str) -> str:
        """Ends a call that cannot be sent; returns the text for the model."""
        self._begin(uuid.uuid4().hex, call)
        return self._failed(code, message)

    def inserted(self, result_tokens: int) -> None:
        """Notes how many tokens the result added to the context."""
        self._channel.augmentation_tokens += result_tokens
        assert self._interception is not None
        self._interception = self._interception.changed(result_tokens=result_tokens)

    def resumed(self, context: str, recomputed_tokens: int) -> None:
        """Publishes what became of the context meanwhile."""
        self._publish(
            state="resumed",
            context=context,
            recomputed_tokens=recomputed_tokens,
            freeze_time=True,
        )

    def does_not_fit(self, message: str) -> None:
        """Publishes that the result found no room in the context."""
        self._publish(state="failed", error=message, freeze_time=True)

    def ended(self, reason: str) -> None:
        """Publishes that the engine has ended the request before the result was there."""
        if self._interception is not None:
            self._publish(state="failed", error=reason)

    def _begin(self, call_id: str, call: ToolCall) -> None:
        self._interception = Interception(
            id=call_id,
            kind=call.name,
            arguments=call.arguments,
            state="running",
            seconds=self._clock() - self._since_s,
            context_tokens=self._context_tokens,
        )
        self._channel.publish(self._interception)
        self._log.step(self._interception, first=True)

    def _failed(self, code: str, message: str) -> str:
        text = f"Error: {message}"
        self._publish(state="failed", error=f"{code}: {message}", result=text)
        return text

    def _publish(self, *, freeze_time: bool = False, **changes: object) -> None:
        assert self._interception is not None
        if not freeze_time:
            changes["seconds"] = self._clock() - self._since_s
        self._interception = self._interception.changed(**changes)
        self._channel.publish(self._interception)
        self._log.step(self._interception)
