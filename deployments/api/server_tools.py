"""The augmentations of this server as tools that a request may use."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ray.serve.handle import DeploymentHandle

from augment_workers import registry
from augment_workers.base import ToolSpec
from deployments.pools.section import AugmentationSection

ALL = "all"

ASK_TIMEOUT_S = 300.0
"""Seconds that a worker has to start and to find out what tools it has."""


class Plain(Protocol):
    """What is used of :class:`~intercept_core.engine.plain_text.PlainText`."""

    def defuse(self, text: str) -> str:
        """``text`` without what would steer the model."""
        ...

    def defuse_all(self, value: Any) -> Any:
        """The same for every text in a JSON value."""
        ...


class UnknownToolError(ValueError):
    """A request asked for an augmentation that this server does not have."""


@dataclass(frozen=True, slots=True)
class ServerTool:
    """What a model is told about one tool, and where its calls go.

    Attributes:
        kind: The name by which it is called.
        section: The augmentation of the configuration that it belongs to: of the same name,
            but for augmentations with several tools.
        spec: What it does and takes.
    """

    kind: str
    section: str
    spec: ToolSpec

    @property
    def description(self) -> str:
        """What it is good for."""
        return self.spec.description

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of its arguments."""
        return self.spec.parameters


class ServerTools:
    """The server's tools by name, in the order of the configuration."""

    def __init__(self, tools: Iterable[ServerTool]) -> None:
        self._tools: dict[str, ServerTool] = {}
        for tool in tools:
            other = self._tools.setdefault(tool.kind, tool)
            if other is not tool:
                raise ValueError(
                    f"augmentations: {other.section} and {tool.section} both have a tool "
                    f"{tool.kind!r}; rename the one, or give the other options: {{prefix: ...}}"
                )

    @classmethod
    async def of(
        cls,
        sections: Mapping[str, AugmentationSection],
        workers: Mapping[str, DeploymentHandle[Any]] | None = None,
        *,
        timeout_s: float = ASK_TIMEOUT_S,
    ) -> "ServerTools":
        """Reads descriptions and schemas from the configuration, or asks for them.

        Args:
            sections: The augmentations by name.
            workers: The deployments of those that do not run inline.
            timeout_s: Seconds that each worker has that must be asked.

        Raises:
            RegistryError: if there is no such type.
            RuntimeError: if a worker cannot say what its tools are.
            ValueError: if two tools have one name.
        """
        found = await asyncio.gather(
            *(
                _tools_of(name, section, (workers or {}).get(name), timeout_s)
                for name, section in sections.items()
            )
        )
        return cls(tool for tools in found for tool in tools)

    def __iter__(self) -> Iterator[ServerTool]:
        return iter(self._tools.values())

    def defused(self, plain: Plain) -> "ServerTools":
        """The same tools, with descriptions that cannot steer the model: some come from
        servers of others."""
        return ServerTools(
            replace(
                tool,
                spec=replace(
                    tool.spec,
                    description=plain.defuse(tool.description),
                    parameters=plain.defuse_all(tool.parameters),
                ),
            )
            for tool in self
        )

    def __contains__(self, kind: object) -> bool:
        return kind in self._tools

    def __getitem__(self, kind: str) -> ServerTool:
        return self._tools[kind]

    def select(self, names: str | Sequence[Any]) -> tuple[str, ...]:
        """The kinds that a client names.

        Args:
            names: A list, or one text with commas; ``all`` stands for every tool.

        Raises:
            UnknownToolError: naming the tools there are.
        """
        parts = names.split(",") if isinstance(names, str) else [str(name) for name in names]
        wanted = dict.fromkeys(name for part in parts if (name := part.strip()))
        if ALL in wanted:
            return tuple(self._tools)
        unknown = [name for name in wanted if name not in self._tools]
        if unknown:
            known = ", ".join(self._tools) or "none"
            raise UnknownToolError(
                f"{', '.join(unknown)}: not an augmentation of this server; it has: {known}"
            )
        return tuple(wanted)


async def _tools_of(
    name: str,
    section: AugmentationSection,
    worker: DeploymentHandle[Any] | None,
    timeout_s: float,
) -> list[ServerTool]:
    spec = registry.declared(section.type, section.all_options)
    if spec is not None:
        return [ServerTool(name, name, spec)]
    if worker is None:
        raise RuntimeError(f"augmentations.{name}: there is no worker to ask for its tools")
    try:
        async with asyncio.timeout(timeout_s):
            specs = await worker.tools.remote()
    except TimeoutError:
        raise RuntimeError(
            f"augmentations.{name}: its worker has not said within {timeout_s:g} s what "
            "tools it has; see the log of its deployment"
        ) from None
    except Exception as error:
        reason = str(error).rpartition("\nRuntimeError: ")[2].strip()
        raise RuntimeError(f"augmentations.{name}: {reason}") from None
    return [ServerTool(kind, name, spec) for kind, spec in specs.items()]
