"""The router in Ray Serve's own proxy, before engines that only report."""

import threading
import time

import httpx
import pytest
from fake_engine import FakeEngine
from ray import serve
from scripted_app import PYTHONPATH

from deployments.builder import compose
from deployments.config import ServeConfig

PATIENCE_S = 60.0


def run(name):
    # Reports as seldom as by default: five that a busy machine delays make a replica silent.
    replica = {"num_replicas": 2, "graceful_shutdown_timeout_s": 5}
    config = ServeConfig.model_validate(
        {"model": name, "replica": replica, "env": {"PYTHONPATH": PYTHONPATH}}
    )
    serve.run(compose(config, FakeEngine, FakeEngine), name="fake", route_prefix="/fake")


@pytest.fixture(scope="module")
def proxy(ray_session):
    run("before")
    with httpx.Client(base_url=f"{ray_session}/fake", timeout=PATIENCE_S) as proxy:
        yield proxy
    serve.delete("fake")


def ask(proxy, session_id=""):
    response = proxy.get("/", headers={"x-session-id": session_id} if session_id else None)
    response.raise_for_status()
    return response.json()["replica"]


def eventually(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return found


def one_on_each(proxy):
    sessions = {}

    def both():
        name = f"session-{time.monotonic_ns()}"
        sessions.setdefault(ask(proxy, name), name)
        return len(sessions) == 2

    eventually(both)
    return sessions


def hold(proxy, session_id, share):
    response = proxy.post("/", content=str(share), headers={"x-session-id": session_id})
    return response.json()["replica"]


def test_sessions_stay_and_others_go_where_pressure_is_least(proxy):
    (loaded, name), (free, _) = one_on_each(proxy).items()
    assert hold(proxy, name, 0.9) == loaded
    # Equals take turns: ten in a row are no accident.
    eventually(lambda: {ask(proxy) for _ in range(10)} == {free})
    assert {ask(proxy, name) for _ in range(10)} == {loaded}
    assert hold(proxy, name, 0.0) == loaded


def test_the_next_requests_of_drained_holders_go_elsewhere(proxy):
    before = one_on_each(proxy)
    stop, seen, errors = threading.Event(), set(), []

    def go_on():
        while not stop.is_set():
            for name in before.values():
                try:
                    seen.add(ask(proxy, name))
                except httpx.HTTPError as error:
                    errors.append(error)
                time.sleep(0.01)

    client = threading.Thread(target=go_on)
    client.start()
    try:
        run("after")
        eventually(lambda: all(ask(proxy, name) not in before for name in before.values()))
    finally:
        stop.set()
        client.join(PATIENCE_S)
    assert errors == []
    assert seen > set(before), "before, and after"
