"""From a name in the configuration to an augmentation."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from augment_workers.arguments import schema_problem
from augment_workers.artifacts import ArtifactStore
from augment_workers.base import Augmentation, ToolSpec
from intercept_core.constructor_options import fitting, parameters_of

BUILT_IN: Mapping[str, str] = {
    "alfworld": "augment_workers.alfworld.augmentation:Alfworld",
    "calculator": "augment_workers.calculator:Calculator",
    "image": "augment_workers.image:Image",
    "retrieval": "augment_workers.retrieval:Retrieval",
    "chatbot": "augment_workers.chatbot:Chatbot",
    "speech": "augment_workers.speech.augmentation:Speech",
    "http": "augment_workers.http_tool:HttpTool",
    "mcp": "augment_workers.mcp_tools:McpTools",
}
"""Where each built-in augmentation is; imported only by the process that needs it."""


class RegistryError(ValueError):
    """A type or an option in the configuration that does not exist or does not fit."""


def create(
    type_name: str,
    options: Mapping[str, Any] | None = None,
    *,
    artifacts: ArtifactStore | None = None,
) -> Augmentation:
    """Makes an augmentation.

    Args:
        type_name: A key of :data:`BUILT_IN`, or ``import.path:Class`` for one's own.
        options: Arguments of the class's constructor.
        artifacts: Given to a constructor that asks for an ``ArtifactStore``.

    Raises:
        RegistryError: as :func:`check_options` does, and when the class needs a store and
            there is none.
    """
    arguments = check_options(type_name, options)
    augmentation = resolve(type_name)
    for name, parameter in parameters_of(augmentation).items():
        if not _is_given(parameter):
            continue
        if artifacts is None:
            raise RegistryError(f"augmentation {type_name!r} needs a store of artifacts")
        arguments[name] = artifacts
    return augmentation(**arguments)


def declared(type_name: str, options: Mapping[str, Any] | None = None) -> ToolSpec | None:
    """The tool that :func:`create` would make; None if only the made one knows its tools.

    Raises:
        RegistryError: as :func:`check_options` does, and when options do not fit each other.
    """
    arguments = check_options(type_name, options)
    try:
        return resolve(type_name).declared(**arguments)
    except ValueError as error:
        raise RegistryError(f"augmentation {type_name!r}: {error}") from None


def check_options(type_name: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The constructor's arguments that ``options`` mean, converted to its annotations.

    Raises:
        RegistryError: when there is no such class, or an option is unknown, missing or of
            the wrong type; the message names the option.
    """
    augmentation = resolve(type_name)
    given = [name for name, one in parameters_of(augmentation).items() if _is_given(one)]
    try:
        return fitting(augmentation, options, but=given)
    except ValueError as error:
        raise RegistryError(f"augmentation {type_name!r}: {error}") from None


def _is_given(parameter: inspect.Parameter) -> bool:
    """Whether it is the host's to give."""
    return parameter.annotation is ArtifactStore


def resolve(type_name: str) -> type[Augmentation]:
    """The class with this name.

    Raises:
        RegistryError: when there is none, or it is no complete augmentation.
    """
    path = BUILT_IN.get(type_name, type_name)
    module_name, colon, class_name = path.partition(":")
    if not colon:
        raise RegistryError(
            f"there is no augmentation {type_name!r}; there are {', '.join(BUILT_IN)}, and"
            " your own as import.path:Class"
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise RegistryError(
            f"augmentation {type_name!r} cannot be imported: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Augmentation)):
        raise RegistryError(f"augmentation {type_name!r} is no subclass of Augmentation")
    _require_complete(type_name, found)
    return found


def _require_complete(type_name: str, found: type[Augmentation]) -> None:
    missing = sorted(found.__abstractmethods__)
    if not any("declared" in vars(base) for base in found.__mro__ if base is not Augmentation):
        names = ("kind", "description", "parameters", "typical_duration_s")
        missing = [*(name for name in names if not hasattr(found, name)), *missing]
    if missing:
        raise RegistryError(f"augmentation {type_name!r} lacks {', '.join(missing)}")
    problem = schema_problem(getattr(found, "parameters", {}))
    if problem is not None:
        raise RegistryError(
            f"augmentation {type_name!r}: parameters is no JSON schema: {problem}"
        )
