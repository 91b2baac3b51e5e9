import argparse

import pytest
from locust_parser import LocustParser
from pydantic import ValidationError

from loadtest.load.options import LoadOptions, add_options
from loadtest.load.prompts import PROMPTS
from loadtest.load.shapes import Shape


def parsed(*words, **locusts):
    parser = LocustParser(exit_on_error=False)
    add_options(parser)
    found = parser.parse_args(words)
    vars(found).update(locusts)
    return found


def test_the_mix_of_all_kinds_is_the_default():
    options = LoadOptions.of(parsed())
    assert options.kinds == tuple(PROMPTS)
    assert options.think_scale == 1.0
    assert options.users == Shape("steady", users=1, peak=4)


def test_a_peak_is_four_times_the_users_unless_it_is_set():
    words = ("--shape", "spike", "--shape-interval", "60")
    options = LoadOptions.of(parsed(*words, num_users=5, spawn_rate=2.0, run_time=90))
    assert options.users == Shape("spike", users=5, peak=20, interval_s=60.0)
    assert (options.spawn_rate, options.run_time) == (2.0, 90.0)
    options = LoadOptions.of(parsed(*words, "--shape-peak", "7", num_users=5))
    assert options.users.peak == 7


def test_some_kinds():
    assert LoadOptions.of(parsed("--kinds", "image", "chatbot")).kinds == ("image", "chatbot")


@pytest.mark.parametrize(
    "words",
    [
        ("--kinds", "weather"),
        ("--think-scale", "0"),
        ("--max-tokens", "0"),
        ("--shape", "flat"),
        ("--shape-steps", "0"),
        ("--shape-interval", "1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(words):
    with pytest.raises(argparse.ArgumentError, match=words[0]):
        parsed(*words)


def test_the_page_can_send_what_the_command_line_would_refuse():
    found = parsed()
    found.think_scale = -1.0
    with pytest.raises(ValidationError, match="think_scale"):
        LoadOptions.of(found)
