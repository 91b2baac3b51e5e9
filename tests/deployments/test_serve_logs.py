"""Log lines of a replica, as Ray Serve's own configuration writes them."""

import json
import logging

import pytest
from ray._common.formatters import JSONFormatter

from deployments.serve_logs import LIBRARIES, SERVE_LOGGER, join_serve_logs


@pytest.fixture
def serve_log():
    """Ray Serve's logger with one handler that keeps what it would write."""
    serve_logger = logging.getLogger(SERVE_LOGGER)
    loggers = [serve_logger, *map(logging.getLogger, LIBRARIES)]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    written = []

    class Kept(logging.Handler):
        def emit(self, record):
            written.append(json.loads(JSONFormatter().format(record)))

    serve_logger.handlers = [Kept()]
    serve_logger.setLevel("INFO")
    yield written
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_lines_of_the_libraries_reach_serves_log_with_their_fields(serve_log):
    join_serve_logs()
    join_serve_logs()  # a second replica in the same process writes no line twice
    for name in LIBRARIES:
        logger = logging.getLogger(f"{name}.somewhere")
        logger.info("it is %s", "so", extra={"call_id": "c"})
        logger.debug("not worth a line")
    assert [(line["message"], line["call_id"]) for line in serve_log] == [("it is so", "c")] * 2
    assert [line["filename"] for line in serve_log] == ["test_serve_logs.py"] * 2


def test_serves_level_counts_also_when_it_changes(serve_log):
    join_serve_logs()
    logging.getLogger(SERVE_LOGGER).setLevel("ERROR")
    logging.getLogger("intercept_core").warning("not any more")
    assert serve_log == []
