"""``status --watch`` while PostgreSQL comes and goes."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.postgres import postgres

SCHEDULER = Path(__file__).parents[2]


def test_a_watch_outlives_the_database(tmp_path: Path) -> None:
    """It begins without one, shows it when it is there, says that it is gone, and shows it again."""
    (tmp_path / "config.toml").touch()
    command = [sys.executable, "-m", "hivetalk_scheduler", "status", "--watch", "1", "--config"]
    with postgres() as server:
        (tmp_path / "config.toml").write_text(f'database_url = "{server.url("scheduler")}"\n')
        server.stop()
        watching = subprocess.Popen(
            [*command, str(tmp_path / "config.toml")], cwd=SCHEDULER, stdout=subprocess.PIPE
        )
        assert watching.stdout is not None
        stream = watching.stdout.fileno()

        def wait_for(verdict: str) -> None:
            said, until = "", time.monotonic() + 20
            while not any(line.startswith(f"{verdict} ") for line in said.splitlines()):
                assert time.monotonic() < until and watching.poll() is None, said
                if select.select([stream], [], [], 1)[0]:
                    said += os.read(stream, 65536).decode()

        try:
            wait_for("failing")
            server.start()
            wait_for("unknown")  # no run yet
            server.stop()
            wait_for("failing")
            server.start()
            wait_for("unknown")
        finally:
            watching.terminate()
            watching.wait(10)
            watching.stdout.close()
