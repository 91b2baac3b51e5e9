import socket

import pytest

from deployments.metrics import metrics_page
from deployments.serving.endpoint import Endpoint, EndpointTakenError


@pytest.fixture
def taken():
    with socket.create_server(("0.0.0.0", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture
def free():
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
    return port


def test_a_port_that_is_asked_for(free):
    assert metrics_page.port_for(free, Endpoint("127.0.0.1", free + 1)) == free


def test_a_port_that_is_asked_for_and_taken_is_an_error(taken):
    with pytest.raises(EndpointTakenError, match=f"{taken} .* --metrics-port {taken + 1}"):
        metrics_page.port_for(taken, Endpoint("127.0.0.1", taken + 1))


def test_the_servers_own_port_is_taken(free):
    with pytest.raises(EndpointTakenError, match="the server itself listens there"):
        metrics_page.port_for(free, Endpoint("127.0.0.1", free))


def test_without_a_wish_it_is_no_error():
    usual = Endpoint("127.0.0.1", metrics_page.PORT)
    assert metrics_page.port_for(None, usual) == metrics_page.ANY_PORT
