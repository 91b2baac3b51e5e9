"""The command line of ``infercept simulate``."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intercept_core.policy.registry import POLICIES
from loadtest.simulator.hardware import BLOCK_TOKENS
from loadtest.simulator.machines import HOST_GB, MACHINES
from loadtest.simulator.settings import STOCK

RATE_PER_S = 1.0
LIMIT = 3.0
PRECISION = 0.05

_DESCRIPTION = """\
Plays intercepted conversations against the production scheduler, KV cache manager, policies and
swap planner under a virtual clock, and prints policies side by side. Iterations and copies take
the time that a model of the hardware gives; nothing is computed."""

_EPILOG = f"""\
policies:
  {", ".join(sorted(POLICIES))},
  package.module:Class for one of your own, or {STOCK}: vLLM's own scheduler, to which
  a conversation comes back as a new request with its whole context.

hardware:
  {(chr(10) + "  ").join(MACHINES)}

examples:
  infercept simulate --hardware gptj-6b-a100-40gb --policy adaptive discard stock --rate 3
  infercept simulate --policy adaptive stock --capacity --no-prefix-caching
  infercept simulate --policy ttl --policy-options '{{"default_s": 5}}' --rate 3
  infercept simulate --profile profile.json --device-blocks 500 --host-blocks 2000 --rate 1
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options; ends the program if they are wrong, as argparse does."""
    parser = _parser()
    args = parser.parse_args(argv)
    _refuse_unused(parser, args)
    if args.profile is not None and None in (args.device_blocks, args.host_blocks):
        parser.error("--profile needs --device-blocks and --host-blocks")
    if args.policy_options is not None and (len(args.policy) > 1 or args.policy == [STOCK]):
        named = " ".join(args.policy)
        parser.error(f"--policy-options are for one policy, not for {named}; name it: --policy")
    return args


def _refuse_unused(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends the program at an option that would be left aside without another one."""
    sizes = ("device_blocks", "host_blocks", "block_tokens")
    for is_used, why_not, names in (
        (args.profile is None, "with --profile", ("host_gb",)),
        (args.profile is not None, "without --profile", sizes),
        (args.etas, "with --no-etas", ("eta_error",)),
        (args.capacity, "without --capacity", ("limit", "precision", "near")),
        (not args.capacity, "with --capacity", ("rate", "drain")),
    ):
        for name in names:
            if not is_used and getattr(args, name) is not None:
                option = f"--{name.replace('_', '-')}"
                parser.error(f"{option} is of no use {why_not}; leave it out")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infercept simulate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--policy",
        nargs="+",
        type=_policy,
        default=["adaptive", STOCK],
        metavar="NAME",
        help="what to compare (default: adaptive stock)",
    )
    parser.add_argument(
        "--policy-options",
        type=_object,
        metavar="JSON",
        help="scheduler.policy_options of the one --policy, as an object; `infercept policies` "
        "lists them",
    )
    _add_machine(parser.add_argument_group("machine"))
    _add_workload(parser.add_argument_group("workload"))
    _add_search(parser.add_argument_group("capacity search"))
    parser.add_argument(
        "--drain",
        action="store_true",
        default=None,
        help="go on after --duration until every conversation has ended",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="follow the content of every KV slot and fail if a context is lost (slower)",
    )
    parser.add_argument(
        "--jobs",
        type=_whole,
        default=1,
        help="policies simulated at the same time (default: 1)",
    )
    parser.add_argument(
        "--json",
        type=_new_file,
        metavar="PATH",
        help="also write the results to this file; null where there is no figure, such as the "
        "latency if no conversation has ended",
    )
    return parser


def _add_machine(group: "argparse._ArgumentGroup") -> None:
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--hardware",
        choices=sorted(MACHINES),
        default="gptj-6b-a100-40gb",
        metavar="NAME",
        help="model and GPUs (default: %(default)s)",
    )
    source.add_argument(
        "--profile",
        type=_file,
        metavar="PATH",
        help="take times from a measured profile instead of --hardware",
    )
    group.add_argument(
        "--host-gb",
        type=_positive,
        metavar="GB",
        help=f"host memory for contexts, with --hardware (default: {HOST_GB})",
    )
    group.add_argument(
        "--prefix-caching",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="vLLM's setting (default: on; the paper's engine had none)",
    )
    group.add_argument(
        "--recompute-slowdown",
        type=_positive,
        metavar="SHARE",
        help="scheduler.recompute_slowdown (default: fill iterations to the saturation point)",
    )
    group.add_argument("--device-blocks", type=_whole, metavar="N", help="with --profile")
    group.add_argument("--host-blocks", type=_whole, metavar="N", help="with --profile")
    group.add_argument(
        "--block-tokens",
        type=_whole,
        metavar="N",
        help=f"with a --profile that does not say (default: {BLOCK_TOKENS})",
    )


def _add_workload(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--rate",
        type=_positive,
        metavar="PER_S",
        help=f"mean arrivals a second, Poisson (default: {RATE_PER_S:g})",
    )
    group.add_argument(
        "--duration",
        type=_positive,
        default=1800.0,
        metavar="S",
        help="virtual seconds (default: %(default)g)",
    )
    group.add_argument(
        "--trace",
        type=_file,
        metavar="PATH",
        help="draw conversations from this file of JSON lines instead of the six kinds",
    )
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    for name, factor, what in (
        ("tokens", _positive, "prompts, outputs and results"),
        ("seconds", _positive, "durations of interceptions"),
        ("count", _share, "interceptions of a conversation, at most 1"),
    ):
        group.add_argument(
            f"--scale-{name}",
            type=factor,
            default=1.0,
            metavar="FACTOR",
            help=f"on {what} (default: 1)",
        )
    group.add_argument(
        "--etas",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="image and speech report when they will be done (default: on)",
    )
    group.add_argument(
        "--eta-error",
        type=_not_negative,
        metavar="SHARE",
        help="standard deviation of the reported rest, relative to the true one (default: 0)",
    )


def _add_search(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--capacity",
        action="store_true",
        help="find the largest rate whose median normalized latency stays within --limit; "
        "every conversation of --duration is played to its end, or as far as decides it",
    )
    group.add_argument(
        "--limit",
        type=_positive,
        metavar="TIMES",
        help=f"times the latency of an idle engine (default: {LIMIT:g})",
    )
    group.add_argument(
        "--precision",
        type=_positive,
        metavar="SHARE",
        help=f"relative width of the final bracket (default: {PRECISION})",
    )
    group.add_argument(
        "--near",
        type=_file,
        metavar="PATH",
        help="begin each policy's search at the rate that an earlier one wrote with --json: "
        "the same answer in fewer steps",
    )


def _policy(text: str) -> str:
    if text not in POLICIES and text != STOCK and ":" not in text:
        known = ", ".join(sorted([*POLICIES, STOCK]))
        raise argparse.ArgumentTypeError(f"{text}: choose from {known}, or module:Class")
    return text


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(
            f"{text}: must be an object in JSON, such as '{{\"seconds\": 4}}'"
        )
    return value


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: there is no such file")
    return path


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text}: there is no folder {path.parent}; make it first"
        )
    return path


def _positive(text: str) -> float:
    number = _not_negative(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text}: must be positive")
    return number


def _share(text: str) -> float:
    number = _positive(text)
    if number > 1:
        raise argparse.ArgumentTypeError(f"{text}: must be at most 1")
    return number


def _not_negative(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be a number, not negative")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: must be a positive whole number")
    return int(text)
