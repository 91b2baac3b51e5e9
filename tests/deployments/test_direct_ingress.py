from deployments import direct_ingress


def test_haproxy_sees_the_beginnings_of_bodies() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    assert direct_ingress.is_enabled(environment)
    assert environment["RAY_SERVE_INGRESS_REQUEST_ROUTER_FORWARD_BODY"] == "1"
    shown = int(environment["RAY_SERVE_HAPROXY_INGRESS_REQUEST_ROUTER_BUFSIZE"])
    assert shown == direct_ingress.BODY_BYTES


def test_what_the_operator_has_set_stays() -> None:
    environment = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    direct_ingress.enable(environment)
    assert not direct_ingress.is_enabled(environment)
