import io

from rich.console import Console

from deployments.status.view import bar, screen


def shown(*arguments):
    file = io.StringIO()
    Console(file=file, width=140).print(screen(*arguments))
    return file.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def line_with(text, *parts):
    (line,) = [line for line in text.splitlines() if all(part in line for part in parts)]
    return line


def test_a_screen_says_what_an_operator_asks(engine, server):
    text = shown(server(engine()), None, "http://x")
    assert "infercept  tiny-tools · policy adaptive · http://x" in text
    assert "2 running" in line_with(text, "LLMReplica", "healthy")
    assert "it crashed" in line_with(text, "augmentation-image", "unhealthy", "none")
    assert "up 1 min 40 s · 3 running · 1 waiting · 2 parked · 12 interceptions" in text
    device = line_with(text, "device", "1.00 GiB")
    assert "running 256 MiB · preserved 128 MiB · swapping 1.00 MiB · cached 63.0 MiB" in device
    assert "swapped 512 MiB" in line_with(text, "host", "1.00 GiB")
    parked = line_with(text, "chatbot", "4 min 10 s")
    assert "1,420 tokens" in parked
    assert "1 preserve, 1 swap" in parked
    assert "5 preserved, 2 swapped" in text
    assert "2.00 GiB·s/s" in line_with(text, "preserved ", "·s/s")
    assert "2.50 GiB·s/s" in line_with(text, "all ", "·s/s")
    assert "last look" not in text


def test_a_second_look_also_says_what_was_wasted_since(engine, server):
    before = server(engine(uptime_s=100.0))
    after = server(
        engine(
            uptime_s=102.0, waste_byte_seconds={"preserved": 201.0 * 2**30, "recompute": 0.0}
        )
    )
    text = shown(after, before)
    assert "since the last look" in text
    assert "512 MiB·s/s" in line_with(text, "preserved ", "·s/s")


def test_what_did_not_answer_is_told(server):
    text = shown(server(deployments=[], silent=2))
    assert "2 engines did not answer in time" in text
    assert "controller did not say" in text


def test_a_bar_shows_every_part_and_is_never_too_long():
    assert str(bar({"running": 1, "preserved": 1, "free": 2}, cells=8)) == "████░░░░"
    assert str(bar({"running": 1, "free": 10_000}, cells=8)) == "█░░░░░░░"
    crowded = {"running": 999, "preserved": 1, "swapping": 1, "cached": 1, "free": 1}
    assert str(bar(crowded, cells=8)) == "████████"
    assert str(bar({}, cells=4)) == "░░░░"
