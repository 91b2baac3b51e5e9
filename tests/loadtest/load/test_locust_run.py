import importlib.util

import pytest

from loadtest.load.locust_run import need_locust


def test_locust_is_here():
    need_locust()


def test_where_locust_is_missing_it_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="locust's, which is not installed"):
        need_locust()
