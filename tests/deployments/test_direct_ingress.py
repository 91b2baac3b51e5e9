from deployments import direct_ingress


def test_haproxy_sees_the_beginnings_of_bodies() -> None:
    environment: dict[str, str] = {}
    direct_ingress.enable(environment)
    assert direct_ingress.is_enabled(environment)
    assert environment["RAY_SERVE_INGRESS_REQUEST_ROUTER_FORWARD_BODY"] == "1"
    shown = int(environment["RAY_SERVE_HAPROXY_INGRESS_REQUEST_ROUTER_BUFSIZE"])
    assert shown == direct_ingress.BODY_BYTES


def test_servers_on_one_machine_have_ports_of_their_own() -> None:
    one: dict[str, str] = {}
    other: dict[str, str] = {}
    direct_ingress.enable(one)
    direct_ingress.enable(other)
    ports = [name for name in one if name.endswith("_PORT")]
    assert len(ports) == 3
    assert all(one[name] != other[name] for name in ports)


def test_what_the_operator_has_set_stays() -> None:
    environment = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    direct_ingress.enable(environment)
    assert not direct_ingress.is_enabled(environment)
