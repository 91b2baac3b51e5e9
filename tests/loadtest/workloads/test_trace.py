"""Traces are read line by line, and what does not fit is found by its number."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.workloads.scale import Scale
from loadtest.workloads.trace import from_trace

CALL = {"kind": "calculator", "seconds": 0.5, "return_tokens": 9}


def line(prompt_tokens: int = 10, **fields: Any) -> dict[str, Any]:
    segments = [{"output_tokens": 5, "interception": CALL}, {"output_tokens": 7}]
    return {"kind": "qa", "prompt_tokens": prompt_tokens, "segments": segments} | fields


def write(path: Path, *lines: Any) -> Path:
    texts = [text if isinstance(text, str) else json.dumps(text) for text in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


def calling(**fields: Any) -> dict[str, Any]:
    return line(segments=[{"output_tokens": 5, "interception": CALL | fields}])


BAD = {
    "no JSON": ("not json", "is no JSON: Expecting value"),
    "no object": ("3", "3: Input should be a valid dict"),
    "a field is missing": ({"kind": "qa", "prompt_tokens": 3}, "segments: is missing"),
    "no tokens": (line(prompt_tokens=0), "prompt_tokens = 0: Input should be greater"),
    "no segments": (line(segments=[]), r"segments = \[\]: "),
    "ends in the middle": (
        line(segments=[{"output_tokens": 5}, {"output_tokens": 5}]),
        "a segment without an interception must be the last",
    ),
    "negative duration": (calling(seconds=-1), r"segments\.0\.interception\.seconds = -1: "),
    "no number": (calling(return_tokens="x"), r"interception\.return_tokens = 'x': "),
    "an unknown field": (
        line(segments=[{"output_tokens": 5, "outputs": 5}]),
        r"segments\.0\.outputs = 5: Extra inputs",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_does_not_fit_is_named_by_its_line(trace: Path, bad: str) -> None:
    text, part = BAD[bad]
    write(trace, line(), line(), text, line())
    with pytest.raises(ValueError, match=rf"trace\.jsonl, line 3: .*{part}") as raised:
        from_trace(trace, 1.0, 10.0)
    assert len(str(raised.value).splitlines()) == 1


def test_an_empty_file_is_refused(trace: Path) -> None:
    with pytest.raises(ValueError, match="there is no request in it"):
        from_trace(write(trace), 1.0, 10.0)


def test_requests_are_those_of_the_file(trace: Path) -> None:
    (one, *_) = from_trace(write(trace, line()), 1.0, 30.0)
    assert (one.kind, one.prompt_tokens, one.output_tokens) == ("qa", 10, 12)
    assert (one.total_tokens, one.intercepted_s) == (31, 0.5)


def test_a_result_has_one_token_at_least(trace: Path) -> None:
    call = CALL | {"return_tokens": -3}
    segments = [{"output_tokens": 5, "interception": call}, {"output_tokens": 7}]
    (one, *_) = from_trace(write(trace, line(segments=segments)), 1.0, 30.0)
    assert one.segments[0].interception is not None
    assert one.segments[0].interception.return_tokens == 1


def test_a_call_at_the_very_end_is_left_out(trace: Path) -> None:
    clipped = line(segments=[{"output_tokens": 5, "interception": CALL}])
    (one, *_) = from_trace(write(trace, clipped), 1.0, 30.0)
    assert [segment.interception for segment in one.segments] == [None]


def test_each_pass_takes_every_request_once(trace: Path) -> None:
    write(trace, *(line(prompt_tokens=number) for number in range(1, 8)))
    drawn = from_trace(trace, 10.0, 10.0, seed=3)
    sizes = [conversation.prompt_tokens for conversation in drawn]
    passes = [sizes[start : start + 7] for start in range(0, len(sizes) - 7, 7)]
    assert len(passes) > 5
    assert all(sorted(found) == list(range(1, 8)) for found in passes)
    assert any(found != passes[0] for found in passes)


def test_the_same_seed_brings_the_same_workload(trace: Path) -> None:
    write(trace, *(line(prompt_tokens=number) for number in range(1, 20)))
    scale = Scale(tokens=0.5)
    first = from_trace(trace, 2.0, 30.0, seed=1, scale=scale)
    assert first == from_trace(trace, 2.0, 30.0, seed=1, scale=scale)
    assert first != from_trace(trace, 2.0, 30.0, seed=2, scale=scale)
