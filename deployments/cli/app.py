"""All commands with their options."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli import experiments
from deployments.cli.help_page import DEMO, SERVING, TUNING, flowing, page
from deployments.cli.loading import loading
from deployments.serving import direct_ingress

app = typer.Typer(
    help="Serves language models that call tools: InferCept on vLLM and Ray Serve.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=page("infercept serve configs/demo.yaml", "infercept COMMAND --help")
    + "\n\nWhat exit codes mean: docs/cli.md",
)

DEFAULT_URL = "http://127.0.0.1:8000"

ConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        exists=True,
        dir_okay=False,
        help="YAML as for `serve deploy`, e.g. configs/demo.yaml.",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="TCP port to listen on.", show_default="the file's"),
]
Url = Annotated[
    str, typer.Option(metavar="URL", help="The server, with its route prefix if it has one.")
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="INFERCEPT_API_KEY", help="For servers that ask for one.", show_default="none"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    try:
        app(args=None if argv is None else list(argv), prog_name="infercept")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"infercept {version('infercept-serve')}")
    except PackageNotFoundError:  # run from a source tree that is not installed
        typer.echo("infercept (not installed)")
    raise typer.Exit


@app.callback()
def _common(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print it and leave."
        ),
    ] = False,
) -> None:
    """Options before the command."""


@app.command(
    rich_help_panel=SERVING,
    epilog=page(
        "infercept serve configs/demo.yaml",
        "infercept serve configs/tiny.yaml --port 8123",
        "infercept serve configs/demo.yaml --address auto --no-blocking",
        codes={0: "stopped by Ctrl-C or SIGTERM", 1: "it did not start"},
    ),
)
def serve(
    config: ConfigFile,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on.", show_default="the file's, or 127.0.0.1"),
    ] = None,
    port: Port = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="TCP port for Prometheus.",
            show_default="8080, or any if that is taken",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Deploy on the Ray at this address, e.g. auto; start none."),
    ] = None,
    blocking: Annotated[
        bool,
        typer.Option(help="Stay up until Ctrl-C; --no-blocking leaves it on --address."),
    ] = True,
) -> None:
    """Start a server from a YAML file.

    Starts a Ray of its own on this machine and deploys CONFIG on it, or deploys on a running
    Ray. Prints the URL and commands to try, and stays up until Ctrl-C, which stops everything
    that it started.
    """
    if not blocking and address is None:
        raise typer.BadParameter(
            "--no-blocking needs --address: a Ray of its own ends with this program"
        )
    if metrics_port is not None and address is not None:
        raise typer.BadParameter(
            "--metrics-port is for a Ray of its own; a running one has been told its port with "
            "`ray start --metrics-export-port`"
        )
    direct_ingress.enable()
    # Imported late, here and below: Ray takes seconds, and --help should not.
    with loading():
        from deployments.serving.command import ServeOptions, serve_command

    options = ServeOptions(config, host, port, metrics_port, address, blocking)
    raise typer.Exit(serve_command(options))


@app.command(
    rich_help_panel=SERVING,
    epilog=page(
        "infercept status",
        "infercept status --watch 2",
        "infercept status --json | jq '.engines[].parked'",
        "infercept status --address auto",
        codes={0: "the server has told", 1: "it could not tell", 3: "no server answers"},
    ),
)
def status(
    url: Url = DEFAULT_URL,
    address: Annotated[
        str | None,
        typer.Option(help="Ask through the Ray at this address, e.g. auto, instead of HTTP."),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="Ask again every so many seconds, and show the waste of each, until Ctrl-C.",
        ),
    ] = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Show replicas, memory, what is parked and what it wastes.

    All replicas of the deployment are asked, whichever of them takes the request.
    """
    with loading():
        from deployments.status.command import StatusOptions, status_command

    raise typer.Exit(status_command(StatusOptions(url, address, watch, api_key, as_json)))


@app.command(
    rich_help_panel=SERVING,
    epilog=page(
        "infercept doctor",
        "infercept doctor configs/gptj-6b-a100.yaml",
        "infercept doctor --json | jq '.checks[] | select(.state != \"ok\")'",
        codes={0: "nothing stands in the way", 1: "at least one check has failed"},
    ),
)
def doctor(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", exists=True, dir_okay=False, help="What is to be served here."
        ),
    ] = Path("configs/demo.yaml"),
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine against a YAML file, and say what to do.

    Looks at versions, the plugin's fit to vLLM, memory, ports, cores, GPUs, models, and what
    the augmentations need. Starts nothing and changes nothing.
    """
    with loading():
        from deployments.doctor.command import doctor_command

    raise typer.Exit(doctor_command(config, port=port, as_json=as_json))


@app.command(
    rich_help_panel=DEMO,
    epilog=page(
        "infercept chat",
        'infercept chat --message "Tom has 12 boxes of 37 apples. How many has he?"',
        "infercept chat --tools calculator,retrieval < questions.txt > answers.txt",
        codes={
            0: "every message has an answer",
            1: "one has none",
            3: "no server answers",
        },
    ),
)
def chat(
    url: Url = DEFAULT_URL,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            "-m",
            help="Send this one message and leave; the model's questions are answered from "
            "standard input.",
        ),
    ] = None,
    tools: Annotated[
        str,
        typer.Option(help="Augmentations that the model may call, with commas; all; or none."),
    ] = "all",
    model: Annotated[
        str | None,
        typer.Option(help="Its name, where a server has several.", show_default="the first"),
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="A system message.", show_default="none")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Of one answer, calls included.")
    ] = 1000,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0)] = 0.0,
    api_key: ApiKey = None,
) -> None:
    """Talk to a model and see its interceptions as they happen.

    At a terminal, type; Ctrl-C stops an answer, Ctrl-D ends the conversation. Otherwise each
    line of standard input is a message. Answers go to standard output; what happens in between
    goes there too if that is a terminal, else to standard error. What the model asks you is
    answered with the next line.
    """
    with loading():
        from deployments.terminal.chat_command import ChatOptions, chat_command

    options = ChatOptions(url, message, tools, model, system, max_tokens, temperature, api_key)
    raise typer.Exit(chat_command(options))


@app.command(
    rich_help_panel=DEMO,
    epilog=page(
        "infercept demo",
        "infercept demo --url http://127.0.0.1:8000",
        codes={
            0: "every question has an answer",
            1: "one has none",
            3: "no server answers",
            130: "Ctrl-C",
        },
    ),
)
def demo(
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A running server.",
            show_default="starts one for the time being",
        ),
    ] = None,
    config: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="What to serve without --url.")
    ] = Path("configs/demo.yaml"),
    typing: Annotated[
        bool | None,
        typer.Option(
            help="Answer the model's questions by keyboard.",
            show_default="where there is a terminal",
        ),
    ] = None,
    api_key: ApiKey = None,
) -> None:
    """Watch a model use all six kinds of tools.

    Has the model calculate, look things up, play household games, chat, draw and speak, one
    after the other, prints every interception as it happens and fetches the files that are
    made. What the model asks in a chat is answered at the terminal.
    """
    direct_ingress.enable()
    with loading():
        from deployments.demo.command import demo_command

    raise typer.Exit(demo_command(url=url, config=config, types=typing, api_key=api_key))


@app.command(
    rich_help_panel=TUNING,
    epilog=page(
        "infercept profile --config configs/demo.yaml",
        "infercept profile --config configs/demo.yaml --quick --output quick.profile.json",
        codes={
            0: "the files are written",
            1: "the engine or the measurement failed",
            130: "Ctrl-C",
        },
    ),
)
def profile(
    config: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="YAML as for `serve deploy`; its first application is measured.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="JSON to write.", show_default="CONFIG with .profile.json"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Picture to write.", show_default="the JSON's name with .png"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure less, in a fraction of the time.")
    ] = False,
) -> None:
    """Measure what iterations and copies take.

    Starts the engine of CONFIG in this process, measures what iterations take by their tokens
    and contexts and what copies to host memory take, and writes the costs from which the
    scheduler starts (scheduler.profile in the YAML). Let nothing else run meanwhile.
    """
    direct_ingress.enable()
    with loading():
        from deployments.profiling.command import ProfileOptions, profile_command

    raise typer.Exit(profile_command(ProfileOptions(config, output, plot, quick)))


@app.command(
    rich_help_panel=TUNING,
    epilog=page("infercept policies", "infercept policies --json | jq '.[].name'"),
)
def policies(as_json: AsJson = False) -> None:
    """List what can decide about waiting contexts, with options."""
    from deployments.policies_command import policies_command

    raise typer.Exit(policies_command(as_json=as_json))


experiments.add_to(app)
for _command in app.registered_commands:
    _command.help = flowing(_command.callback)
