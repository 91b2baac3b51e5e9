from deployments import direct_ingress


def test_haproxy_sees_the_beginnings_of_bodies() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    assert direct_ingress.is_enabled(environment)
    assert environment["RAY_SERVE_INGRESS_REQUEST_ROUTER_FORWARD_BODY"] == "1"
    shown = int(environment["RAY_SERVE_HAPROXY_INGRESS_REQUEST_ROUTER_BUFSIZE"])
    assert shown == direct_ingress.BODY_BYTES


def test_servers_on_one_machine_have_ports_of_their_own() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    assert {name for name in environment if name.endswith("_PORT")} == {
        "RAY_SERVE_HAPROXY_METRICS_PORT",
        "RAY_SERVE_HAPROXY_STATS_PORT",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    }


def test_what_the_operator_has_set_stays() -> None:
    environment = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    direct_ingress.enable(environment)
    assert not direct_ingress.is_enabled(environment)
