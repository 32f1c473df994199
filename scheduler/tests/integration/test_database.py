"""The database as it should not be: each state has its clear error and its exit status."""

import json
from pathlib import Path

import psycopg
import pytest

from hivetalk_scheduler.cli import main
from tests.integration.application import TABLES, add_event

OLDER_THAN_THIS = "hivetalk-scheduler db migrate"


@pytest.fixture
def file(tmp_path: Path, url: str) -> str:
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{url}"\nhold = false\n')
    return str(path)


def run_fails(file: str, status: int, capfd: pytest.CaptureFixture[str]) -> str:
    assert main(["run", "--config", file]) == status
    err = capfd.readouterr().err
    assert f"status={status}" in err and "Traceback" not in err
    return err


def test_a_read_only_database_is_69(
    file: str, owner: psycopg.Connection, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    assert "read-only" in run_fails(file, 69, capfd) or "read-write" in run_fails(file, 69, capfd)


def test_a_missing_schema_is_78_and_names_the_mend(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE")
    assert "hivetalk-scheduler db migrate" in run_fails(file, 78, capfd)
    assert main(["db", "check", "--config", file]) == 78
    assert "db migrate" in capfd.readouterr().out


def test_a_schema_that_has_outgrown_the_release_is_78_and_is_left_alone(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute(
        "INSERT INTO hivetalk_scheduler.migration (version, name, oldest) VALUES (9999, 'future', 9999)"
    )
    add_event(owner, -1, 60)
    assert "deploy a newer release" in run_fails(file, 78, capfd)
    assert owner.execute("SELECT count(*) FROM hivetalk_scheduler.delivery").fetchone() == (0,)
    assert main(["db", "migrate", "--config", file]) == 78


def test_an_older_schema_is_78(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DELETE FROM hivetalk_scheduler.migration")
    assert "db migrate" in run_fails(file, 78, capfd)


@pytest.mark.parametrize("table", ["delivery", "event_source", "run"])
def test_missing_grants_are_78_and_name_the_table(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str], table: str
) -> None:
    owner.execute(f"REVOKE ALL ON hivetalk_scheduler.{table} FROM scheduler")
    err = run_fails(file, 78, capfd)
    assert table in err and "--grant-to" in err
    assert main(["db", "check", "--config", file, "--json"]) == 78
    found = {line["check"]: line for line in json.loads(capfd.readouterr().out)}
    assert not found["grants"]["ok"] and table in found["grants"]["text"]


def test_the_schedulers_role_has_the_least_privilege(url: str, owner: psycopg.Connection) -> None:
    """It reads the application through the view alone, and writes back through the function alone."""
    event = add_event(owner, 60, None)
    with psycopg.connect(url, autocommit=True) as scheduler:
        for statement in (
            "SELECT * FROM events",
            "SELECT * FROM room_info",
            "UPDATE events SET status = 'x'",
            "DELETE FROM hivetalk_scheduler.migration",
            "CREATE TABLE hivetalk_scheduler.mine ()",
            "CREATE OR REPLACE VIEW hivetalk_scheduler.event_source AS SELECT 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                scheduler.execute(statement)
        call = "SELECT hivetalk_scheduler.write_back(%s, %s, %s)"
        scheduler.execute(call, [[event], ["anything else"], [None]])
        assert owner.execute("SELECT status FROM events").fetchone() == ("planned",)
        scheduler.execute(call, [[event], ["live:sent"], ["abc"]])
        scheduler.execute(call, [[event], ["live:failed"], [None]])
        assert owner.execute("SELECT status, nostr_event_id FROM events").fetchone() == ("live:sent", "abc")


def test_a_trigger_of_the_application_gains_nothing_by_the_write_back(
    server: str, owner: psycopg.Connection, database: str, file: str
) -> None:
    """Even where a superuser has migrated: the function runs as the owner of the table."""
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE")
    role = f"webapp_{database}"
    owner.execute(
        f"CREATE ROLE {role}; ALTER TABLE events OWNER TO {role}; ALTER TABLE room_info OWNER TO {role}"
    )
    try:
        assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
        owner.execute(
            "CREATE FUNCTION climb() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN ALTER ROLE {role} SUPERUSER; RETURN new; END $$; "
            "CREATE TRIGGER climb BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION climb()"
        )
        add_event(owner, -1, None)
        assert main(["run", "--config", file]) == 0
        assert owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role]).fetchone() == (
            False,
        )
        states = owner.execute("SELECT state, shown FROM hivetalk_scheduler.delivery").fetchall()
        assert states == [("delivered", False)], "the application's error costs only its own page"
        owner.execute("DROP TRIGGER climb ON events")
        assert main(["run", "--config", file]) == 0
        assert owner.execute("SELECT status FROM events").fetchone() == ("live:sent",)
    finally:
        owner.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_cancelled_event_stays_cancelled(url: str, owner: psycopg.Connection) -> None:
    event = add_event(owner, 60, None, status="cancelled")
    with psycopg.connect(url, autocommit=True) as scheduler:
        scheduler.execute(
            "SELECT hivetalk_scheduler.write_back(%s, %s, %s)", [[event], ["live:sent"], [None]]
        )
    assert owner.execute("SELECT status FROM events").fetchone() == ("cancelled",)


def test_migrate_is_idempotent_and_says_so(
    server: str, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "migrate", "--url", server.format(database), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["applied"] == []


def test_migrate_without_the_applications_tables_changes_nothing(
    server: str, owner: psycopg.Connection, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events")
    assert main(["db", "migrate", "--url", server.format(database)]) != 0
    assert "events" in capfd.readouterr().err
    assert owner.execute("SELECT to_regnamespace('hivetalk_scheduler')").fetchone() == (None,)


@pytest.mark.parametrize("id_type", ["uuid", "bigint", "text"])
@pytest.mark.parametrize("time_type", ["timestamptz", "timestamp"])
def test_the_view_fits_other_types_of_id_and_time(
    server: str, owner: psycopg.Connection, database: str, url: str, file: str, id_type: str, time_type: str
) -> None:
    """A timestamp without time zone is read as UTC, whatever zone the session has."""
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events, room_info")
    owner.execute(
        TABLES.replace(
            b"uuid PRIMARY KEY DEFAULT gen_random_uuid()", f"{id_type} PRIMARY KEY".encode()
        ).replace(b"timestamptz", time_type.encode())
    )
    owner.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'")
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
    key = {"uuid": "c4b1c1e2-0000-4000-8000-000000000001", "bigint": "7", "text": 'a "quoted\\ id'}[id_type]
    now = "now() AT TIME ZONE 'UTC'" if time_type == "timestamp" else "now()"
    owner.execute(f"INSERT INTO events (id, name, start_time) VALUES (%s, 'n', {now})", [key])
    assert main(["run", "--config", file]) == 0
    assert owner.execute("SELECT status FROM events").fetchone() == ("live:sent",)


def test_another_applications_view_is_the_only_thing_to_define(
    server: str, owner: psycopg.Connection, database: str, file: str
) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events, room_info")
    owner.execute("CREATE TABLE talks (number int PRIMARY KEY, title text, begins timestamptz)")
    owner.execute(
        "CREATE SCHEMA hivetalk_scheduler; CREATE VIEW hivetalk_scheduler.event_source AS "
        "SELECT number AS event_id, title AS name, NULL::text AS summary, NULL::text AS image, begins AS starts_at, "
        "NULL::timestamptz AS ends_at, NULL::text AS identifier, NULL::text AS room_name, NULL::text AS room_npub, "
        "NULL::text AS room_nsec, NULL::text AS room_relay_url, false AS cancelled, NULL::text AS status FROM talks"
    )
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
    owner.execute("INSERT INTO talks VALUES (3, 'A talk', now())")
    assert main(["run", "--config", file]) == 0
    states = owner.execute("SELECT event_id, state FROM hivetalk_scheduler.delivery").fetchall()
    assert states == [("3", "delivered")]
    assert main(["db", "check", "--config", file]) == 0


CUSTOM = """
CREATE SCHEMA hivetalk_scheduler;
CREATE VIEW hivetalk_scheduler.event_source AS
SELECT number AS event_id, title AS name, NULL::text AS summary, NULL::text AS image, begins AS starts_at,
       NULL::timestamptz AS ends_at, NULL::text AS identifier, NULL::text AS room_name, NULL::text AS room_npub,
       NULL::text AS room_nsec, NULL::text AS room_relay_url, NULL::boolean AS cancelled, NULL::text AS status
  FROM talks
"""


def test_a_view_with_a_doubled_id_and_no_word_about_cancelling_announces_once(
    server: str, owner: psycopg.Connection, database: str, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events, room_info")
    owner.execute("CREATE TABLE talks (number int, title text, begins timestamptz)")
    owner.execute(CUSTOM)
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
    owner.execute("INSERT INTO talks SELECT 3, 'twice', now() FROM generate_series(1, 2)")
    owner.execute("INSERT INTO talks VALUES (4, 'another', now())")
    assert main(["run", "--config", file]) == 0
    rows = owner.execute("SELECT event_id, state FROM hivetalk_scheduler.delivery ORDER BY 1").fetchall()
    assert rows == [("3", "delivered"), ("4", "delivered")]
    capfd.readouterr()
    assert main(["db", "check", "--config", file]) == 65
    assert "1 with the id of another" in capfd.readouterr().out


def test_db_check_refuses_a_view_with_times_of_no_zone(
    server: str, owner: psycopg.Connection, database: str, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DROP SCHEMA hivetalk_scheduler CASCADE; DROP TABLE events, room_info")
    owner.execute("CREATE TABLE talks (number int, title text, begins timestamp)")
    owner.execute(CUSTOM)
    assert main(["db", "migrate", "--url", server.format(database), "--grant-to", "scheduler"]) == 0
    assert main(["db", "check", "--config", file]) == 78
    assert "starts_at is timestamp without time zone" in capfd.readouterr().out


@pytest.mark.parametrize(
    "right", ["DELETE ON hivetalk_scheduler.delivery", "EXECUTE ON FUNCTION hivetalk_scheduler.write_back"]
)
def test_db_check_sees_every_missing_grant(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str], right: str
) -> None:
    owner.execute(f"REVOKE {right} FROM scheduler")
    assert main(["db", "check", "--config", file]) == 78
    assert f"missing: {right.split()[0]} on" in capfd.readouterr().out.replace("ON", "on")


def test_a_database_url_that_libpq_refuses_is_78(file: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text('database_url = "postgresql://h/db?nonsense=1"\n')
    assert "nonsense" in run_fails(file, 78, capfd)


def test_db_check_reports_malformed_rows_with_65(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["db", "check", "--config", file]) == 0
    add_event(owner, 60, 30)
    add_event(owner, None, None)
    capfd.readouterr()
    assert main(["db", "check", "--config", file]) == 65
    shown = capfd.readouterr().out
    assert "1 end before start" in shown and "1 without start_time" in shown


def test_db_check_names_a_missing_index(
    file: str, owner: psycopg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    owner.execute("DROP INDEX events_start_time")
    main(["db", "check", "--config", file])
    assert "FAIL index on starts_at" in capfd.readouterr().out


def test_of_several_hosts_the_one_that_answers_is_used(
    url: str, owner: psycopg.Connection, tmp_path: Path
) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    several = f"postgresql://scheduler@/{parts['dbname']}?host={tmp_path},{parts['host']}"
    path = tmp_path / "config.toml"
    path.write_text(f'database_url = "{several}"\nhold = false\n')
    add_event(owner, -1, None)
    assert main(["run", "--config", str(path)]) == 0
    assert owner.execute("SELECT status FROM events").fetchone() == ("live:sent",)


def test_no_session_state_is_left_behind(url: str) -> None:
    """What a transaction-mode pooler needs: the time-outs hold within the transaction and not after it."""
    from hivetalk_scheduler.clock import Clock
    from hivetalk_scheduler.config import Config
    from hivetalk_scheduler.database import connect
    from hivetalk_scheduler.store import Store

    store = Store(connect(Config(database_url=url)), Clock())

    def setting(name: str) -> str:
        row = store.connection.execute(f"SHOW {name}").fetchone()
        assert row is not None
        return str(row[name])

    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with store.transaction():
        assert [setting(name) for name in names] == ["30s", "5s", "30s"]
        store.look(["journal:"])
    assert [setting(name) for name in names] == ["0", "0", "0"]
    row = store.connection.execute("SELECT count(*) AS n FROM pg_prepared_statements").fetchone()
    assert row == {"n": 0}
