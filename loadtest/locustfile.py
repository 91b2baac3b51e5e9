"""Locust users who ask for tools: ``make loadtest``, or ``locust -f`` this file.

How to run it, and what each row means: docs/loadtest.md.
"""

import itertools
import os
import time
from functools import cache
from http.client import OK
from pathlib import Path
from random import Random
from typing import Any

import gevent
import httpx
from gevent.event import Event
from gevent.pool import Group
from locust import FastHttpUser, LoadTestShape, events, stats, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.exception import StopTest
from locust.runners import WorkerRunner
from rich.console import Console

from loadtest.load.measures import Measures, Timeline
from loadtest.load.options import LoadOptions, add_options
from loadtest.load.prompts import PROMPTS, prompts
from loadtest.load.replies import Replies
from loadtest.load.report import report_table
from loadtest.load.rows import ANSWER, record, three_figures
from loadtest.load.sse import StreamFault, read_chunks
from loadtest.simulated_human import SimulatedHuman

SILENCE_S = 630.0
"""How long a stream may be silent: longer than the deadline of a human, for servers that
send no comments meanwhile."""

_KEY = os.environ.get("INFERCEPT_API_KEY")
HEADERS = {"Authorization": f"Bearer {_KEY}"} if _KEY else {}
"""Of every request: for servers that ask for a key."""

ANSWERED_WITHIN_S = 10.0
"""How long the receipt of an answer may take after the request that it was for has ended."""

REPORT_WIDTH = 220

LAST_CSV_S = 1.5 * stats.CSV_STATS_INTERVAL_SEC
"""Locust writes its CSV files once an interval, but not at the end."""

stats.bucket_response_time = three_figures
events.init_command_line_parser.add_listener(add_options)
_numbers = itertools.count()


@events.test_start.add_listener
def forget_models(**_: Any) -> None:
    """Another server may have come since the last test."""
    model_at.cache_clear()


@cache
def model_at(host: str) -> str:
    """Name of the model that is served there."""
    response = httpx.get(f"{host}/v1/models", headers=HEADERS, timeout=30.0).raise_for_status()
    return str(response.json()["data"][0]["id"])


class InterceptUser(FastHttpUser):
    """Asks something, reads the answer as it streams, thinks, and asks something else."""

    network_timeout = SILENCE_S
    default_headers = HEADERS

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.options = LoadOptions.of(environment.parsed_options)
        worker = getattr(environment.runner, "worker_index", 0)
        seed = f"{self.options.seed} {worker} {next(_numbers)}"
        self.prompts = prompts(self.options.kinds, seed)
        self.human = SimulatedHuman(Random(seed).getrandbits(32), self.options.think_scale)
        try:
            self.model = model_at(self.host)
        except httpx.HTTPError as error:
            raise StopTest(f"no server answers at {self.host}: {error}") from error

    def wait_time(self) -> float:
        """As long as a human of the workload takes for a turn."""
        return self.human.turn()[0]

    @task
    def ask(self) -> None:
        """One request, read to its end."""
        prompt = next(self.prompts)
        body = prompt.body(self.model, self.options.max_tokens)
        replies = Replies(prompt.replies, self.human)
        sent_s = time.perf_counter()
        with self.client.post(
            "/v1/chat/completions",
            json=body,
            name=prompt.kind,
            stream=True,
            catch_response=True,
        ) as response:
            if response.status_code == OK:
                self._read(response, prompt.kind, replies, sent_s)
            elif response.status_code:  # else there is no response, and locust says why
                response.failure(f"{response.status_code}: {response.text}")

    def _read(self, response: Any, kind: str, replies: Replies, sent_s: float) -> None:
        timeline = Timeline(sent_s)
        answers, ended = Group(), Event()
        try:
            # Readers other than this one fill a buffer before they give anything out.
            for chunk in read_chunks(
                lambda: response.stream.readline(b"\n"), time.perf_counter
            ):
                timeline.add(chunk)
                if chunk.told is not None and (reply := replies.to(chunk.told)) is not None:
                    answers.spawn(self._answer, chunk.told.id, *reply, timeline, ended)
            self._finish(response, kind, timeline.end(time.perf_counter()))
            ended.set()
            answers.join(ANSWERED_WITHIN_S)
        except (StreamFault, *FAILURE_EXCEPTIONS) as error:
            response.request_meta["response_time"] = 1e3 * (time.perf_counter() - sent_s)
            response.failure(error)
        finally:
            answers.kill()
            response.stream.release()

    def _finish(self, response: Any, kind: str, measures: Measures) -> None:
        response.request_meta["response_time"] = 1e3 * measures.end_to_end_s
        if measures.fault is None:
            record(self.environment.stats, kind, measures)
        else:
            response.failure(measures.fault)

    def _answer(
        self, name: str, think_s: float, text: str, timeline: Timeline, ended: Event
    ) -> None:
        """Thinks and answers a question, on another connection than the stream.

        There is no answer if nobody waits for it any more, as after a call that failed.
        """
        if not ended.wait(think_s) and timeline.calls[name].state == "running":
            self.client.post(f"/v1/interceptions/{name}", json={"text": text}, name=ANSWER)


class OptionShape(LoadTestShape):
    """Has as many users as the options say."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Users and how many come or go a second; None at the end."""
        options = LoadOptions.of(self.runner.environment.parsed_options)
        time_s = self.get_run_time()
        if options.run_time is not None and time_s >= options.run_time:
            return None
        return options.users.users_at(time_s), options.spawn_rate or 1.0


@events.init.add_listener
def get_ready(environment: Any, **_: Any) -> None:
    """Reads the words of prompts, which takes seconds, before anybody is timed."""
    for kind in environment.parsed_options.kinds:
        PROMPTS[kind](Random(0))


@events.init.add_listener
def report_at_the_end(environment: Any, **_: Any) -> None:
    """Has the table printed when a test has stopped, behind locust's own."""
    if isinstance(environment.runner, WorkerRunner):
        return
    headless = environment.parsed_options.headless

    def judge(**_: Any) -> None:
        """A test in which nothing was asked is no success."""
        if headless and not environment.stats.total.num_requests:
            environment.process_exit_code = 1

    def report(**_: Any) -> None:
        if environment.parsed_options.csv_prefix and headless:
            gevent.sleep(LAST_CSV_S)
        Console(width=REPORT_WIDTH).print(report_table(environment.stats, PROMPTS))
        if file := environment.parsed_options.report:
            with Path(file).open("w") as written:
                table = report_table(environment.stats, PROMPTS, markdown=True)
                Console(file=written, width=REPORT_WIDTH).print(table)

    environment.events.quitting.add_listener(judge)
    (environment.events.quit if headless else environment.events.test_stop).add_listener(report)
