"""Whatever happens while values are being written, in the end the newest are there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewire.realtime.recovery.write_behind import WriteBehind

KEYS = st.integers(0, 4)
ACTIONS = st.one_of(
    st.tuples(st.just("put"), KEYS),
    st.tuples(st.just("begin"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["succeed", "fail"]), st.just(0)),
)


@given(st.lists(ACTIONS, max_size=40))
def test_the_newest_values_are_written_in_the_end(actions: list[tuple[str, int]]) -> None:
    unwritten: WriteBehind[int, object] = WriteBehind()
    newest: dict[int, object] = {}
    database: dict[int, object] = {}
    begun: dict[int, object] = {}

    def finish(succeeds: bool) -> None:
        nonlocal begun
        if succeeds:
            database.update(begun)
            unwritten.written(begun)
        else:
            unwritten.begin_again(begun)
        begun = {}

    for action, number in actions:
        if action == "put":
            newest[number] = object()
            unwritten.put(number, newest[number])
        elif action == "begin" and not begun:
            begun = unwritten.step(number)
            assert len(begun) <= number
        elif action in ("succeed", "fail"):
            finish(action == "succeed")
        for key, value in newest.items():
            assert (unwritten.get(key) or database[key]) is value, "it is known wherever it is"
    finish(succeeds=False)
    while len(unwritten):
        begun = unwritten.step(2)
        finish(succeeds=True)
    assert database == newest
    assert unwritten.step(9) == {}


def test_what_was_discarded_is_not_written() -> None:
    unwritten: WriteBehind[str, int] = WriteBehind()
    unwritten.put("a", 1)
    unwritten.put("b", 2)
    unwritten.discard("a")
    assert unwritten.step(9) == {"b": 2}
    assert unwritten.all_begun
