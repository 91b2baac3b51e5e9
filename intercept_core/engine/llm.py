"""vLLM's asynchronous engine, with interceptions."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from vllm import SamplingParams
from vllm.engine.protocol import StreamingInput
from vllm.exceptions import VLLMValidationError
from vllm.outputs import RequestOutput
from vllm.v1.engine.async_llm import AsyncLLM

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import EtaReport
from intercept_core.engine.dialect import Dialect
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.engine_load import EngineLoad
from intercept_core.engine.gather import gathered
from intercept_core.engine.interception import InterceptionChannel
from intercept_core.engine.metrics import InterceptMetrics
from intercept_core.engine.options import InterceptOptions
from intercept_core.engine.park_slots import ParkSlots
from intercept_core.engine.session import InterceptSession, SessionRequest
from intercept_core.engine.trigger_config import TriggerConfig


class InterceptLLM(AsyncLLM):
    """An ``AsyncLLM`` whose :meth:`generate` runs augmentations.

    Call :meth:`attach` once before the first request. A request without ``augmentations``
    takes vLLM's own path.

    Attributes:
        slots: Places of the requests that wait for augmentations.
        channels: Followers of requests, by the id in ``vllm_xargs.intercept_channel``.
    """

    channels: dict[str, InterceptionChannel]
    bus: InterceptBus | None = None
    slots: ParkSlots
    dialect: Dialect

    def __init__(self, vllm_config: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("log_stats"):
            kwargs["stat_loggers"] = _ours_first(kwargs.get("stat_loggers") or ())
            additional = dict(vllm_config.additional_config or {})
            additional["intercept"] = {**additional.get("intercept", {}), "reports": True}
            vllm_config.additional_config = additional
        super().__init__(vllm_config, *args, **kwargs)

    def attach(
        self,
        bus: InterceptBus,
        dialect: DialectConfig,
        triggers: Mapping[str, Sequence[TriggerConfig]] | None = None,
        *,
        max_parked: int | None = None,
    ) -> None:
        """Gives the engine its augmentations and the way the model calls them.

        Args:
            bus: Where calls go.
            dialect: How calls are written.
            triggers: Texts that call an augmentation, too, by its name.
            max_parked: How many requests may wait for augmentations at a time; to the calls
                of others the model gets an error text at once. None for any number.

        Raises:
            ValueError: if the dialect does not fit the model's tokenizer.
        """
        self.channels = {}
        self.slots = ParkSlots(max_parked)
        self.dialect = Dialect(dialect, self.get_tokenizer(), triggers)
        self.bus = bus

    def generate(  # type: ignore[override]
        self,
        prompt: Any,
        sampling_params: SamplingParams,
        request_id: str,
        **kwargs: Any,
    ) -> AsyncGenerator[RequestOutput, None]:
        """See ``AsyncLLM.generate``; one request id, one stream of outputs, whatever number
        of interceptions lies between.

        Raises:
            VLLMValidationError: if the request's options do not fit this server.
        """
        # Not a generator itself: a request without augmentations gets vLLM's own one, with
        # nothing in between.
        options = InterceptOptions.of(sampling_params)
        if options is None:
            return super().generate(prompt, sampling_params, request_id, **kwargs)
        return self._intercepted(options, prompt, sampling_params, request_id, kwargs)

    def _intercepted(
        self,
        options: InterceptOptions,
        prompt: Any,
        params: SamplingParams,
        request_id: str,
        kwargs: dict[str, Any],
    ) -> AsyncGenerator[RequestOutput, None]:
        bus = self._checked_bus(options, params)
        # The serving layer knows of one reasoning phase, before any call.
        for name in ("reasoning_ended", "reasoning_parser_kwargs", "prompt_text"):
            kwargs.pop(name, None)

        def open_stream(
            inputs: AsyncGenerator[StreamingInput, None], first: SamplingParams
        ) -> AsyncGenerator[RequestOutput, None]:
            return super(InterceptLLM, self).generate(inputs, first, request_id, **kwargs)

        session = InterceptSession(
            SessionRequest(
                request_id=request_id,
                conversation_id=kwargs.get("session_id") or uuid.uuid4().hex,
                prompt=prompt,
                params=params,
                options=options,
                max_context_tokens=self.model_config.max_model_len,
                end_of_turn_token_ids=self._end_of_turn_token_ids(),
            ),
            bus=bus,
            dialect=self.dialect,
            open_stream=open_stream,
            channel=self.channels.get(options.intercept_channel or "") or InterceptionChannel(),
            slots=self.slots,
        )
        return gathered(session.run(), params.output_kind)

    def _checked_bus(self, options: InterceptOptions, params: SamplingParams) -> InterceptBus:
        if self.bus is None:
            raise VLLMValidationError(
                "vllm_xargs.augmentations: this server has no augmentations",
                parameter="augmentations",
                value=options.augmentations,
            )
        unknown = [name for name in options.augmentations if name not in self.bus.kinds]
        if unknown:
            raise VLLMValidationError(
                f"vllm_xargs.augmentations: {', '.join(unknown)} not known; this server has "
                f"{', '.join(sorted(self.bus.kinds))}",
                parameter="augmentations",
                value=options.augmentations,
            )
        if params.n > 1:
            raise VLLMValidationError(
                f"n: {params.n} choices cannot be combined with augmentations; send "
                f"{params.n} requests with n=1",
                parameter="n",
                value=params.n,
            )
        if params.structured_outputs is not None:
            raise VLLMValidationError(
                "structured_outputs: a grammar leaves the model no way to call; drop it or "
                "the augmentations",
                parameter="structured_outputs",
            )
        return self.bus

    def _end_of_turn_token_ids(self) -> frozenset[int]:
        """Tokens that end a turn beside the tokenizer's one; vLLM reports them as stops."""
        token_ids = self.model_config.try_get_generation_config().get("eos_token_id", ())
        return frozenset([token_ids] if isinstance(token_ids, int) else token_ids)

    # -- control -----------------------------------------------------------------------

    async def push_etas(self, reports: Sequence[EtaReport]) -> None:
        """Tells the scheduler when parked requests are expected back."""
        etas = [[r.request_id, r.eta_s, r.kind, r.typical_s, r.argument_chars] for r in reports]
        await self._control("etas", etas)

    async def snapshot(self) -> dict[str, Any]:
        """Counts of requests, blocks and interceptions, from the engine process."""
        result: dict[str, Any] = await self._control("snapshot", None)
        return result

    def load(self) -> EngineLoad:
        """How much there is to do, without asking the engine process: so also when it hangs."""
        loggers = self.logger_manager.stat_loggers if self.logger_manager is not None else []
        levels = next((one.levels for one in loggers if isinstance(one, InterceptMetrics)), {})
        return EngineLoad.of(
            self.output_processor.get_num_unfinished_requests(),
            self.vllm_config.scheduler_config.max_num_seqs,
            levels,
        )

    async def _control(self, operation: str, payload: Any) -> Any:
        # Bounded, so that a dead engine cannot hold the caller.
        async with asyncio.timeout(10.0):
            return await self.engine_core.call_utility_async(
                "intercept_control", operation, payload
            )


def _ours_first(loggers: Sequence[Any]) -> list[Any]:
    """Has an ``InterceptMetrics``, or a subclass that is among ``loggers``, before the others:
    what it takes off the numbers is not theirs."""
    ours = [
        one for one in loggers if isinstance(one, type) and issubclass(one, InterceptMetrics)
    ]
    return [*(ours or [InterceptMetrics]), *(one for one in loggers if one not in ours)]
