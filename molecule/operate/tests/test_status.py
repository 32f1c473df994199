"""One table for all hosts, those that cannot be reached, too."""

import re
from pathlib import Path

from pair import FIRST, SECOND
from testinfra.host import Host

from shared import application, playbook

GONE = "gone.example.invalid"
INSERT = (
    "INSERT INTO hivetalk_scheduler.delivery"
    " (event_id, test, transition, due_at, destination, state, next_at, completed_at)"
    " SELECT 'of the status', false, v.transition, clock_timestamp() - interval '2 min', 'journal:', v.state,"
    " clock_timestamp() + interval '1 hour', CASE v.state WHEN 'dead' THEN clock_timestamp() END"
    " FROM (VALUES ('live', 'pending'), ('ended', 'dead')) AS v (transition, state) RETURNING event_id"
)


def test_each_host_has_the_code_for_its_own_python(first: Host, second: Host) -> None:
    found = {
        host.check_output(
            "python3 -c 'import sys; print(*sys.version_info[:2], sep=chr(46))'"
        ): host.check_output("cd /opt/hivetalk-scheduler/current/code/lib && echo *")
        for host in (first, second)
    }
    assert found == {"3.11": "python3.11", "3.13": "python3.13"}


def test_every_host_is_a_row(first: Host, second: Host, tmp_path: Path) -> None:
    application.query(first, INSERT)
    (tmp_path / "more.yml").write_text(
        f"hivetalk: {{hosts: {{{GONE}: {{ansible_connection: ssh, ansible_ssh_timeout: 5}}}}}}"
    )
    said = playbook.run("status", f"--inventory={tmp_path / 'more.yml'}")
    assert said.status == 0, said.output
    head, *lines = said.output[said.output.index("HOST ") :].splitlines()
    rows = {line.split()[0]: re.split(r"\s{2,}", line.strip()) for line in lines[:3]}
    columns = re.split(r"\s{2,}", head.strip())
    assert set(rows) == {FIRST, SECOND, GONE}
    assert rows[GONE][-1].startswith("unreachable: ") and "resolve" in rows[GONE][-1]
    for name, host, word, counts in (
        (FIRST, first, "CRITICAL", ["1", "0", "1"]),
        (SECOND, second, "OK", ["0", "0", "0"]),
    ):
        row = dict(zip(columns, rows[name], strict=False))
        assert row["IS"] == word
        assert row["TIMER"] == "active"
        assert row["RELEASE"] == Path(host.check_output("readlink /opt/hivetalk-scheduler/current")).name
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row["LAST RUN (UTC)"])
        assert re.fullmatch(r"\d\d:\d\d:\d\d|at work", row["NEXT"])
        assert [row["PENDING"], row["OVERDUE"], row["DEAD"]] == counts
    application.query(
        first, "DELETE FROM hivetalk_scheduler.delivery WHERE event_id = 'of the status' RETURNING id"
    )
