import copy
import pickle
from pathlib import Path

import pytest

from augment_workers.base import AugmentationError
from augment_workers.secret_text import REDACTED, Secrets

TOKEN = 'tok"en/42'


@pytest.fixture
def secrets() -> Secrets:
    return Secrets({"TOKEN": TOKEN, "EMPTY": "", "TWO_LINES": "a\nb", "UMLAUT": "ü"})


def test_references_are_filled(secrets: Secrets, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from a file\n")
    assert secrets.fill("headers.A", "Bearer ${TOKEN}") == f"Bearer {TOKEN}"
    assert secrets.fill("headers.B", f"${{file:{file}}}:${{TOKEN}}") == f"from a file:{TOKEN}"
    assert secrets.fill("headers.C", "plain $TOKEN {x}") == "plain $TOKEN {x}"
    assert secrets.redact("from a file") == REDACTED


@pytest.mark.parametrize("said", [TOKEN, 'tok\\"en/42', "tok%22en/42", "tok%22en%2F42"])
def test_secrets_are_taken_out_of_what_others_say(secrets: Secrets, said: str) -> None:
    secrets.fill("headers.A", "${TOKEN}")
    assert secrets.redact(f"you sent {said}!") == f"you sent {REDACTED}!"
    error = secrets.redacted(AugmentationError(f"no {said}", code="x", retryable=True))
    assert (str(error), error.code, error.retryable) == (f"no {REDACTED}", "x", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${MISSING}", r"headers\.A: \$\{MISSING\} is not set"),
        ("${EMPTY}", "must be one line"),
        ("${TWO_LINES}", "must be one line"),
        ("${UMLAUT}", "must be one line"),
        ("${file:/no/such/file}", "cannot be read: No such file"),
        ("${file:/}", "cannot be read: Is a directory"),
    ],
)
def test_references_that_lead_nowhere(secrets: Secrets, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        secrets.fill("headers.A", text)
    assert "a\nb" not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_nothing_shows_the_values(secrets: Secrets) -> None:
    secrets.fill("headers.A", "${TOKEN}")
    assert TOKEN not in repr(secrets) + str(secrets) + f"{secrets!s}"


def test_the_values_cannot_be_copied_away(secrets: Secrets) -> None:
    for spread in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="stay in the process"):
            spread(secrets)
