"""Texts of the configuration that stand for secrets of the machine where they are used."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from augment_workers.base import AugmentationError

REDACTED = "[secret]"

_REFERENCE = re.compile(r"\$\{(file:)?([^{}]*)\}")


class Secrets:
    """What the references in the configuration of one tool stand for.

    ``${NAME}`` is an environment variable of the process, ``${file:/path}`` the content of a
    file. The configuration, and so what is logged, shown and sent to other machines, holds
    the reference alone.

    Args:
        environment: The variables; those of this process if not given.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._forms: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._forms)} values)"

    def __reduce__(self) -> Any:
        raise TypeError("secrets stay in the process that uses them")

    def fill(self, field: str, text: str) -> str:
        """``text`` with the secrets in it.

        Args:
            field: Where the text stands in the configuration, for errors.
            text: With any number of references.

        Raises:
            ValueError: if one leads nowhere, or to what cannot stand in a header; the
                message holds no secret.
        """
        return _REFERENCE.sub(lambda found: self._value(field, found), text)

    def redact(self, text: str) -> str:
        """``text`` without the secrets, should an answer or an error repeat them."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, REDACTED)
        return text

    def redacted(self, error: AugmentationError) -> AugmentationError:
        """The same failure, in words without the secrets."""
        return AugmentationError(
            self.redact(str(error)), code=error.code, retryable=error.retryable
        )

    def _value(self, field: str, found: re.Match[str]) -> str:
        is_file, name = found.groups()
        reference = found.group()
        value = self._read(field, reference, name) if is_file else self._environment.get(name)
        if value is None:
            raise ValueError(
                f"{field}: {reference} is not set in the environment of the process that "
                "calls the tool; set it there, or name a file: ${file:/path}"
            )
        if not (value and value.isascii() and value.isprintable()):
            raise ValueError(
                f"{field}: {reference} must be one line of printable ASCII, not empty"
            )
        self._forms |= {value, json.dumps(value)[1:-1], quote(value), quote(value, safe="")}
        return value

    def _read(self, field: str, reference: str, path: str) -> str:
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise ValueError(f"{field}: {reference} cannot be read: {reason}") from None
