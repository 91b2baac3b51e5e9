"""``infercept serve``: from a YAML file to a server that answers."""

import signal
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from deployments import exit_codes
from deployments.metrics import metrics_page
from deployments.progress import Progress
from deployments.serving.deploy_file import DeployFile, DeployFileError, load_deploy_file
from deployments.serving.endpoint import Endpoint, EndpointTakenError
from deployments.serving.examples import example_commands
from deployments.serving.local_ray import stopped_by_signals
from deployments.serving.server import (
    StartError,
    cluster_applications,
    deploy_and_leave,
    running_server,
)

DEFAULT_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The arguments of the command.

    Attributes:
        config: The YAML file.
        host: Address to listen on; None for the file's.
        port: TCP port to listen on; None for the file's.
        metrics_port: TCP port where metrics are exported; None for the usual one, or any.
        address: A running Ray to deploy on; None to start one.
        blocking: Whether to stay up until Ctrl-C; if not, ``address`` must be given.
    """

    config: Path
    host: str | None = None
    port: int | None = None
    metrics_port: int | None = None
    address: str | None = None
    blocking: bool = True


def serve_command(options: ServeOptions) -> int:
    """Serves until Ctrl-C or SIGTERM; returns the exit code of the program."""
    try:
        with stopped_by_signals(), Progress() as progress:
            _serve(options, progress)
    except KeyboardInterrupt:
        return exit_codes.DONE
    except (DeployFileError, EndpointTakenError, StartError, ConnectionError) as error:
        return _fail(str(error))
    return exit_codes.DONE


def _serve(options: ServeOptions, progress: Progress) -> None:
    file = load_deploy_file(options.config)
    endpoint = endpoint_of(file, options.host, options.port)
    progress.step(f"{options.config}: {', '.join(file.models)}")
    if options.address is not None and not options.blocking:
        deploy_and_leave(file, endpoint, options.address, progress)
        return
    with _server(file, endpoint, options, progress):
        _announce(file, endpoint, progress)
        signal.pause()


def endpoint_of(file: DeployFile, host: str | None, port: int | None) -> Endpoint:
    """Where to listen: as told, else as in the file, else on this machine only."""
    http = file.schema.http_options
    written = http.model_fields_set
    return Endpoint(
        host or (http.host if "host" in written else DEFAULT_HOST), port or http.port
    )


def _server(
    file: DeployFile, endpoint: Endpoint, options: ServeOptions, progress: Progress
) -> AbstractContextManager[None]:
    if options.address is None:
        return running_server(file, endpoint, progress, options.metrics_port)
    return cluster_applications(file, endpoint, options.address, progress)


def _announce(file: DeployFile, endpoint: Endpoint, progress: Progress) -> None:
    progress.step("ready; Ctrl-C stops it")
    pages = metrics_page.pages()
    if pages:
        more = f", and on {len(pages) - 1} other nodes" if pages[1:] else ""
        progress.step(f"metrics for Prometheus: {pages[0]}{more}")
    progress.rest()
    for prefix, config in file.applications.items():
        url = endpoint.url + prefix.rstrip("/")
        print(f"\n{config.public_name} at {url}/v1. Try:\n")
        for command in example_commands(url, config):
            print(command)
    print(flush=True)


def _fail(message: str) -> int:
    print(f"infercept: {message}", file=sys.stderr)
    return exit_codes.FAILED
