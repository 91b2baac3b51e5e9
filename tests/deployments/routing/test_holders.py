from deployments.routing.holders import HolderTable


def test_the_first_key_that_somebody_has_decides():
    table = HolderTable()
    table.remember([b"short"], "one")
    table.remember([b"long"], "two")
    assert table.find([b"longest", b"long", b"short"], ["one", "two"]) == "two"
    assert table.find([b"other"], ["one", "two"]) is None


def test_a_holder_that_is_gone_is_passed_over():
    table = HolderTable()
    table.remember([b"short"], "one")
    table.remember([b"long"], "gone")
    assert table.find([b"long", b"short"], ["one"]) == "one"


def test_what_was_not_used_longest_is_forgotten():
    table = HolderTable(capacity=2)
    table.remember([b"a"], "one")
    table.remember([b"b"], "two")
    assert table.find([b"a"], ["one"]) == "one"
    table.remember([b"c"], "three")
    assert len(table) == 2
    assert table.find([b"b"], ["two"]) is None
    assert table.find([b"a"], ["one"]) == "one"


def test_a_context_moves():
    table = HolderTable()
    table.remember([b"a"], "one")
    table.remember([b"a"], "two")
    assert len(table) == 1
    assert table.find([b"a"], ["one", "two"]) == "two"
