import io

from deployments.terminal.lines import Piped, Typed


def test_piped_lines_come_one_by_one_without_empty_ones():
    lines = Piped(io.StringIO("one\n\n  two \n"))
    assert [lines.next(""), lines.next(""), lines.next("")] == ["one", "two", None]


def test_typed_lines_end_with_the_end_of_input(capsys):
    texts = iter(["", " hello "])
    prompts = []

    def read(prompt):
        prompts.append(prompt)
        try:
            return next(texts)
        except StopIteration:
            raise EOFError from None

    typed = Typed(read, color=False)
    assert typed.next("you> ") == "hello"
    assert typed.next("you> ") is None
    assert prompts == ["you> "] * 3
    assert capsys.readouterr().out == "\n"
