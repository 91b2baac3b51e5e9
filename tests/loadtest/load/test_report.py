import io
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from loadtest.load.measures import Timeline
from loadtest.load.report import quantile, report_table
from loadtest.load.rows import CALL, FAILED_CALL, REQUEST, record, three_figures
from loadtest.load.sse import Chunk, Told


@dataclass
class Entry:
    """As locust's, with the keys that the locustfile gives it."""

    num_requests: int = 0
    num_failures: int = 0
    total_content_length: int = 0
    response_times: Counter = field(default_factory=Counter)

    def log(self, response_time, content_length):
        self.num_requests += 1
        self.total_content_length += content_length
        self.response_times[three_figures(response_time)] += 1


class Statistics:
    def __init__(self):
        self.entries = defaultdict(Entry)

    def get(self, name, method):
        return self.entries[name, method]


def one_request(seconds):
    """A call of ``seconds`` after half a second, and as long to the answer after it."""
    timeline = Timeline(0.0)
    for chunk in (
        Chunk(0.5, told=Told("1", "image", "running", 0.0)),
        Chunk(0.5 + seconds, told=Told("1", "image", "failed", seconds, "bad_call: no")),
        Chunk(0.75 + seconds, told=Told("1", "image", "resumed", seconds, "bad_call: no")),
        Chunk(0.75 + seconds, text="Sorry,"),
        Chunk(0.8 + seconds, text=" no.", finish_reason="stop", completion_tokens=10),
    ):
        timeline.add(chunk)
    return timeline.end(1.0 + seconds)


@pytest.fixture
def statistics():
    made = Statistics()
    for seconds in (1.0, 2.0, 3.0):
        record(made, "image", one_request(seconds))
        made.get("image", REQUEST).log(1e3 * (1 + seconds), 0)
    made.get("chatbot", REQUEST).num_requests = 1
    made.get("chatbot", REQUEST).num_failures = 1
    return made


def test_measures_go_to_rows_of_their_own(statistics):
    (call,) = [entry for (_, method), entry in statistics.entries.items() if method == CALL]
    assert call.response_times == {1000.0: 1, 2000.0: 1, 3000.0: 1}
    assert statistics.entries["image: bad_call", FAILED_CALL].num_requests == 3


def cells(table):
    console = Console(width=250, file=io.StringIO())
    console.print(table)
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("|")]
    heading, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def test_the_table_has_a_row_a_kind_and_one_of_all(statistics):
    kinds = ("calculator", "chatbot", "image")
    chatbot, image, everything = cells(report_table(statistics, kinds, markdown=True))
    assert image == {
        "kind": "image",
        "requests": "3",
        "failed": "0",
        "calls": "1.0",
        "tokens": "10",
        "first token (ms)": "500 / 500 / 500",
        "between tokens (ms)": "50.0 / 50.0 / 50.0",
        "result to next token (ms)": "250 / 250 / 250",
        "norm. latency (ms/token)": "100 / 100 / 100",
        "in augmentations (s)": "2.00 / 3.00 / 3.00",
        "job completion (s)": "3.00 / 4.00 / 4.00",
    }
    assert (chatbot["requests"], chatbot["failed"], chatbot["tokens"]) == ("1", "1", "-")
    assert (everything["kind"], everything["requests"], everything["failed"]) == (
        "all",
        "4",
        "1",
    )
    assert everything["job completion (s)"] == image["job completion (s)"]


def test_quantiles_of_counted_times():
    times = Counter({1.0: 50, 2.0: 40, 3.0: 9, 4.0: 1})
    assert [quantile(times, share) for share in (0.5, 0.9, 0.99, 1.0)] == [1, 2, 3, 4]
    assert quantile(Counter({7.0: 1}), 0.5) == 7


def test_times_are_counted_to_three_figures():
    assert list(map(three_figures, (0.12345, 12.345, 1234.5, 98765))) == [
        0.123,
        12.3,
        1230,
        98800,
    ]
