from vllm import SamplingParams
from vllm.outputs import CompletionOutput

from intercept_core.engine.visible_output import VisibleOutput


def delta(text: str, token_ids: list[int]) -> CompletionOutput:
    return CompletionOutput(0, text, token_ids, None, None)


def test_tokens_of_a_call_that_were_taken_back_do_not_count() -> None:
    visible = VisibleOutput(["<<"], None, SamplingParams())
    assert visible.feed(delta("A ", [1])).token_ids == [1]
    visible.feed(delta("<<", [2, 3]))
    visible.feed(delta("", [4]))  # the first byte of a character
    visible.take_back(1)
    visible.feed(delta("é=", [5, 6]))
    visible.end_call()
    assert visible.hidden_tokens == 4


def test_tokens_that_the_client_has_stay_with_it() -> None:
    visible = VisibleOutput(None, None, SamplingParams())
    assert visible.feed(delta("", [4])).token_ids == [4]
    visible.take_back(1)
    assert visible.end_answer().token_ids == []
