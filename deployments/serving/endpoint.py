"""Where the server listens."""

import errno
import socket
from dataclasses import dataclass


class EndpointTakenError(RuntimeError):
    """Something else listens there already."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a TCP port.

    Attributes:
        host: Address of an interface; ``0.0.0.0`` for all.
        port: TCP port.
        option: With which a user chooses the port.
    """

    host: str
    port: int
    option: str = "--port"

    @property
    def url(self) -> str:
        """What a client on this machine uses."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def check_free(self) -> None:
        """Tries to listen there.

        Raises:
            EndpointTakenError: if that fails, with the reason and a remedy.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server will: connections that linger from the last one are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
                probe.listen(1)
            except OSError as error:
                raise EndpointTakenError(self._reason(error)) from None

    def _reason(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return (
                f"port {self.port} on {self.host} is taken by another program; stop it, or "
                f"choose another with {self.option}, e.g. {self.option} {self.port + 1}"
            )
        return f"cannot listen on {self.host}:{self.port}: {error.strerror}"
