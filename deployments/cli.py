"""The command ``infercept``."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deployments import direct_ingress

_SERVE_HELP = """\
Starts a Ray of its own on this machine and deploys CONFIG on it, or deploys on a running Ray
(--address). Prints the URL and three commands to try, and stays up until Ctrl-C, which stops
everything that it started."""

_DEMO_HELP = """\
Has the model calculate, look things up, play household games, chat, draw and speak, one after
the other, with the openai client, prints every interception as it happens and fetches the files
that are made. What the model asks in a chat is answered at the terminal. Without --url it
starts a server for the time being."""

_PROFILE_HELP = """\
Starts the engine of CONFIG in this process, measures what iterations take by their tokens and
contexts and what copies to host memory take, and writes the costs from which the scheduler
starts (scheduler.profile in the YAML). Let nothing else run meanwhile."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["simulate"]:
        # By name: load tests stand above the server, which must not depend on them.
        command = importlib.import_module("loadtest.simulator.command")
        return int(command.main(arguments[1:]))
    args = _parser().parse_args(arguments)
    direct_ingress.enable()
    # Imported late: Ray takes seconds, and --help should not.
    if args.command == "serve":
        from deployments.serve_command import ServeOptions, serve_command

        return serve_command(
            ServeOptions(
                config=args.config,
                host=args.host,
                port=args.port,
                metrics_port=args.metrics_port,
                address=args.address,
                blocking=args.blocking,
            )
        )
    if args.command == "profile":
        from deployments.profile_command import ProfileOptions, profile_command

        return profile_command(
            ProfileOptions(
                config=args.config, output=args.output, plot=args.plot, quick=args.quick
            )
        )
    from deployments.demo import demo_command

    return demo_command(url=args.url, config=args.config, types=args.typing)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infercept",
        description="Serves language models that call tools: InferCept on vLLM and Ray Serve.",
    )
    parser.add_argument("--version", action="version", version=f"infercept {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_demo(commands)
    _add_profile(commands)
    commands.add_parser("simulate", help="compare policies under a virtual clock")
    return parser


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser(
        "serve", help="start a server from a YAML file", description=_SERVE_HELP
    )
    serve.add_argument("config", type=_existing_file, metavar="CONFIG", help=_CONFIG_HELP)
    serve.add_argument(
        "--host", help="address to listen on (default: the file's, or 127.0.0.1)"
    )
    serve.add_argument(
        "--port", type=_port, help="TCP port to listen on (default: the file's, or 8000)"
    )
    serve.add_argument(
        "--metrics-port",
        type=_port,
        help="TCP port for Prometheus (default: 8080, or any if that is taken)",
    )
    serve.add_argument(
        "--address",
        help="deploy on the Ray at this address, e.g. auto, instead of starting one",
    )
    serve.add_argument(
        "--blocking",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="stay up until Ctrl-C; --no-blocking needs --address and leaves it running",
    )


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo", help="watch interceptions happen", description=_DEMO_HELP
    )
    demo.add_argument("--url", help="a running server, e.g. http://127.0.0.1:8000")
    demo.add_argument(
        "--config",
        type=_existing_file,
        default=Path("configs/demo.yaml"),
        help="what to serve without --url (default: %(default)s)",
    )
    demo.add_argument(
        "--typing",
        action=argparse.BooleanOptionalAction,
        help="answer the model's questions by keyboard (default: where there is a terminal)",
    )


def _add_profile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    profile = commands.add_parser(
        "profile", help="measure what iterations and copies take", description=_PROFILE_HELP
    )
    profile.add_argument(
        "--config",
        type=_existing_file,
        required=True,
        help=f"{_CONFIG_HELP}; its first application is measured",
    )
    profile.add_argument(
        "--output", type=Path, help="JSON to write (default: CONFIG with .profile.json)"
    )
    profile.add_argument(
        "--plot", type=Path, help="picture to write (default: the JSON's name with .png)"
    )
    profile.add_argument(
        "--quick", action="store_true", help="measure less, in a fraction of the time"
    )


_CONFIG_HELP = "YAML as for `serve deploy`, e.g. configs/demo.yaml"


def _existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: there is no such file")
    return path


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text}: must be a number from 1 to 65535")
    return int(text)


def _version() -> str:
    try:
        return version("infercept-serve")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
