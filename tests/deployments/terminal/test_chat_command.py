import io

import pytest

from deployments import exit_codes
from deployments.terminal.chat_command import ChatOptions, chat_command
from deployments.terminal.lines import Piped, Typed
from tests.deployments.terminal.conftest import WAIT, said, told, used

CALCULATION = [
    said("Wait. "),
    told("running"),
    told("succeeded"),
    told("resumed", context="preserved", recomputed_tokens=0, result_tokens=5),
    said("It is"),
    said(" 42."),
    used(21),
]
ASKS = {"kind": "chatbot", "arguments": {"message": "Tea or coffee?"}}


def chat(url, lines="", **options):
    """The exit code, and what was printed where."""
    output = io.StringIO()
    code = chat_command(ChatOptions(url, **options), Piped(io.StringIO(lines)), output)
    return code, output.getvalue()


def test_one_message(url, scripted):
    scripted.turns = [CALCULATION]
    code, text = chat(url, message="What is 6*7?")
    assert code == exit_codes.DONE
    *lines, summary = text.splitlines()
    assert [line.rstrip() for line in lines] == [
        "Wait.",
        '| calculator {"expression": "6*7"}',
        "| calculator answered in 250.0 ms",
        "| context of 30 tokens preserved, 0 recomputed, 5 added",
        "It is 42.",
    ]
    assert summary.startswith("| 21 tokens in ")
    assert summary.endswith("1 call of 250.0 ms · 0 tokens recomputed")


def test_what_was_said_goes_along_under_one_session(url, scripted):
    scripted.turns = [CALCULATION, [said("Yes."), used(2)], [said("Hi."), used(2)]]
    code, _ = chat(
        url, "What is 6*7?\n\nSure?\n/new\n/help\nHello!\n/exit\nBye!\n", system="Be brief."
    )
    assert code == exit_codes.DONE
    (_, first), (second, second_headers), (third, third_headers) = scripted.requests
    assert [(m["role"], m["content"]) for m in second["messages"]] == [
        ("system", "Be brief."),
        ("user", "What is 6*7?"),
        ("assistant", "Wait. It is 42."),
        ("user", "Sure?"),
    ]
    assert [message["content"] for message in third["messages"]] == ["Be brief.", "Hello!"]
    session = first["x-session-id"]
    assert session
    assert second_headers["x-session-id"] == session
    assert third_headers["x-session-id"] != session


@pytest.mark.parametrize(
    ("tools", "header"),
    [("all", "all"), ("calculator,image", "calculator,image"), ("none", None)],
)
def test_which_tools_the_model_may_call(url, scripted, tools, header):
    scripted.turns = [[said("Hi."), used(2)]]
    chat(url, message="Hello!", tools=tools, max_tokens=7, temperature=0.5)
    ((body, headers),) = scripted.requests
    assert headers.get("x-infercept-augmentations") == header
    assert (body["max_tokens"], body["temperature"]) == (7, 0.5)


def test_what_the_model_asks_is_answered_with_the_next_line(url, scripted):
    asked = told("running", **ASKS)
    scripted.turns = [
        [
            *(asked, WAIT, told("running", fraction=0.5, **ASKS)),
            *(told("succeeded", **ASKS), said("Tea, then."), used(9)),
        ],
        [said("Bye."), used(2)],
    ]
    code, text = chat(url, "Ask me.\nTea, please.\nGood bye.\n")
    assert code == exit_codes.DONE
    assert scripted.answers == [("call-1", "Tea, please.")]
    assert [body["messages"][-1]["content"] for body, _ in scripted.requests] == [
        "Ask me.",
        "Good bye.",
    ]
    assert "chatbot: 50% done" in text
    assert "Tea, then." in text


def test_nobody_is_left_to_answer(url, scripted):
    scripted.turns = [[told("running", **ASKS), WAIT]]
    code, text = chat(url, "", message="Ask me.")
    assert code == exit_codes.FAILED
    assert "there is no line left to answer it: Tea or coffee?" in text


def test_files_are_told_with_their_urls(url, scripted):
    file = {"name": "a.png", "url": "/v1/artifacts/a.png", "content_type": "image/png"}
    made = told("succeeded", kind="image", artifacts=[file | {"size_bytes": 1234}])
    scripted.turns = [[told("running", kind="image"), made, said("Here."), used(3)]]
    _, text = chat(url, message="Draw.")
    assert f"| {url}/v1/artifacts/a.png  image/png, 1,234 bytes" in text


def test_a_refusal_is_told_and_the_conversation_stays(url, scripted):
    scripted.turns = [[said("Hi."), used(2)]]
    scripted.refusal = (400, "the context is too long")
    code, text = chat(url, message="Hello!")
    assert code == exit_codes.FAILED
    assert "| error: 400: the context is too long" in text


def test_one_answer_of_several_is_missing(url, scripted):
    # The stream of the second breaks off in the middle of an error.
    scripted.turns = [[said("Hi."), used(2)], [{"error": {"message": "it broke"}}]]
    code, text = chat(url, "Hello!\nAgain!\n")
    assert code == exit_codes.FAILED
    assert "it broke" in text
    assert "/new begins another" in text


class Interrupted(Typed):
    """Somebody who presses Ctrl-C, then says something, then leaves."""

    def __init__(self, *said):
        presses = iter(said)

        def read(prompt):
            said = next(presses)
            if isinstance(said, type):
                raise said
            return said

        super().__init__(read, color=False)


def test_ctrl_c_where_nothing_is_under_way_does_not_lose_the_conversation(url, scripted):
    scripted.turns = [[said("Hi."), used(2)]]
    lines = Interrupted(KeyboardInterrupt, "Hello!", EOFError)
    output = io.StringIO()
    assert chat_command(ChatOptions(url), lines, output) == exit_codes.DONE
    assert "nothing is under way; Ctrl-D leaves" in output.getvalue()
    assert len(scripted.requests) == 1


def test_ctrl_c_stops_an_answer_of_which_nothing_is_kept(url, scripted):
    scripted.turns = [
        [said("Well. "), told("running", **ASKS), WAIT],
        [said("Hi."), used(2)],
    ]
    lines = Interrupted("Ask me.", KeyboardInterrupt, "Hello!", EOFError)
    output = io.StringIO()
    assert chat_command(ChatOptions(url), lines, output) == exit_codes.DONE
    assert "stopped; nothing of it is kept" in output.getvalue()
    assert [m["content"] for m in scripted.requests[1][0]["messages"]] == ["Hello!"]


def test_no_server(capsys):
    code, _ = chat("http://127.0.0.1:9", message="Hello!")
    assert code == exit_codes.NO_SERVER
    error = capsys.readouterr().err
    assert "no server answers at http://127.0.0.1:9" in error
    assert "infercept serve configs/demo.yaml" in error
