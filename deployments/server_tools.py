"""The augmentations of this server as tools that a request may use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from augment_workers import registry
from deployments.augmentation_section import AugmentationSection

ALL = "all"


class UnknownToolError(ValueError):
    """A request asked for an augmentation that this server does not have."""


@dataclass(frozen=True, slots=True)
class ServerTool:
    """What a model is told about one augmentation.

    Attributes:
        kind: The name by which it is called.
        description: What it is good for.
        parameters: JSON schema of its arguments.
    """

    kind: str
    description: str
    parameters: Mapping[str, Any]


class ServerTools:
    """The server's tools by name, in the order of the configuration."""

    def __init__(self, tools: Iterable[ServerTool]) -> None:
        self._tools = {tool.kind: tool for tool in tools}

    @classmethod
    def of(cls, sections: Mapping[str, AugmentationSection]) -> "ServerTools":
        """Reads descriptions and schemas from the implementations.

        Raises:
            RegistryError: if there is no such type.
        """
        return cls(_describe(kind, section.type) for kind, section in sections.items())

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


def _describe(kind: str, type_name: str) -> ServerTool:
    augmentation = registry.resolve(type_name)
    return ServerTool(kind, augmentation.description, augmentation.parameters)
