import socket

import pytest

from deployments.serving.endpoint import Endpoint, EndpointTakenError


def test_a_taken_port_is_an_error_with_a_remedy():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EndpointTakenError, match=rf"port {port} .* --port {port + 1}"):
            Endpoint("127.0.0.1", port).check_free()
    Endpoint("127.0.0.1", port).check_free()


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(EndpointTakenError, match=r"cannot listen on 203\.0\.113\.1:8000"):
        Endpoint("203.0.113.1", 8000).check_free()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("10.1.2.3", "http://10.1.2.3:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_url(host, url):
    assert Endpoint(host, 80).url == url


def test_the_remedy_names_the_option_that_was_used():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EndpointTakenError, match=f"--metrics-port {port + 1}"):
            Endpoint("127.0.0.1", port, option="--metrics-port").check_free()
