"""An incident is told once, reminded of, and told to be over; whatever the file that remembers it holds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivetalk_scheduler.incident import CALM, FILE, LAST, Incident, Memory, Told

HOUR = 3600.0


def test_it_is_due_once_then_at_each_reminder() -> None:
    incident = Incident(0, 0)
    assert incident.due("a", 0, HOUR)
    told = incident.tell(["a"], 0, open_=True)
    assert [at for at in range(0, 14_400, 60) if not told.due("a", at, HOUR)] == list(range(0, 3600, 60))
    assert told.due("b", 60, HOUR)


def test_a_clock_that_was_set_back_does_not_silence_it() -> None:
    assert Incident(0, 0).tell(["a"], 1000, open_=True).due("a", 900, HOUR)


def test_who_was_told_of_the_recovery_is_told_anew_when_it_fails_again() -> None:
    incident = Incident(0, 0).tell(["a", "b"], 0, open_=True).tell(["a"], 60, open_=False)
    assert incident.awaiting == {"b"}
    assert incident.due("a", 61, HOUR) and not incident.due("b", 61, HOUR)


def test_one_that_follows_another_is_over_only_after_a_while() -> None:
    assert Incident(0, 0).calm(1)
    again = Incident(0, 0, again=True)
    assert not again.calm(CALM - 1) and again.calm(CALM) and again.calm(-1)


def test_what_is_remembered_is_what_was_kept(tmp_path: Path) -> None:
    memory = Memory([str(tmp_path)])
    assert memory.now() is None
    incident = Incident(1.5, 2.5, 3, True, {"https://x/#1": Told(2.0, 1, True)})
    memory.keep(incident)
    assert memory.now() == incident
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    memory.end(incident)
    assert memory.now() is None and memory.over() == incident
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


def test_where_the_first_place_takes_nothing_the_second_one_remembers(tmp_path: Path) -> None:
    full, spare = tmp_path / "full", tmp_path / "spare"
    full.mkdir(), spare.mkdir()
    # Whoever runs the tests may write anywhere; a directory in the file's place is refused to everybody.
    (full / f".{FILE}.new").mkdir()
    memory = Memory([str(full), str(spare)])
    memory.keep(Incident(1, 1, 1))
    assert memory.now() == Incident(1, 1, 1) and (spare / FILE).exists()
    memory.end(Incident(1, 1, 1))
    assert memory.now() is None
    with pytest.raises(OSError, match="directory"):
        Memory([str(full)]).keep(Incident(1, 1))


GARBAGE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"since": 1, "last": 1, "failures": 1, "again": false, "told": 3}',
    b'{"since": NaN, "last": 1, "failures": 1, "again": false, "told": {}}',
    b'{"since": 1, "last": 1, "failures": Infinity, "again": false, "told": {}}',
    b'{"since": 1, "last": 1, "failures": 1, "again": false, "told": {"a": [1, 2]}}',
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_an_incident_of_which_nothing_is_known(
    tmp_path: Path, garbage: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_bytes(garbage)
    found = Memory([str(tmp_path)]).now()
    assert found is not None and found.failures == 0 and found.told == {}
    assert "incident-unreadable" in capfd.readouterr().err


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Incident._fields, json_values)))
def test_no_json_at_all_breaks_it(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    directory = tmp_path_factory.mktemp("state")
    (directory / FILE).write_text(json.dumps(content))
    found = Memory([str(directory)]).now()
    assert found is not None
    assert found.failed(5.0).tell(["a"], 5.0, open_=True).awaiting >= {"a"}
