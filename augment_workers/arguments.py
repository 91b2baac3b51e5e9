"""Whether a model's arguments fit a tool's schema."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable


def schema_problem(schema: Any) -> str | None:
    """Why ``schema`` is no JSON schema of arguments; None when it is one."""
    if not isinstance(schema, Mapping):
        return f"{schema!r:.60} is no mapping"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return str(error.message)
    return None


class ArgumentCheck:
    """A JSON schema, ready to be held against arguments.

    Args:
        schema: Without mistakes, as :func:`schema_problem` says.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # An empty registry: by default a reference to a URL, in a schema that somebody else
        # wrote, would be fetched from there.
        self._validator = Draft202012Validator(schema, registry=Registry())

    def problem_with(self, arguments: Any) -> str | None:
        """Why ``arguments`` do not fit, in words for the model; None when they do."""
        if isinstance(arguments, Mapping):
            arguments = dict(arguments)
        try:
            error = best_match(self._validator.iter_errors(arguments))
        except Unresolvable as missing:
            return f"the tool's own schema is broken: {missing.ref} cannot be found in it"
        if error is None:
            return None
        path = "".join(f".{p}" if isinstance(p, str) else f"[{p}]" for p in error.path)
        return f"arguments{path}: {error.message}"
