"""The lock that a deploy holds on a host lasts as long as it gets signs of life, and not for ever without."""

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import yaml

from .test_templates import ROLE

LASTS = 2
"""Seconds that stand here for what `sleep` is told."""


def test_it_lasts_while_there_are_signs_of_life_and_ends_without_any(tmp_path: Path) -> None:
    task = yaml.safe_load((ROLE / "tasks/lock.yml").read_text())[0]
    words = shlex.split(task["ansible.builtin.raw"])
    # systemd ends nothing of it by itself.
    assert not any("RuntimeMaxSec" in word for word in words)
    command = words[words.index("sh") : words.index("&&")]
    (tmp_path / "sleep").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/slept\nexec /bin/sleep {LASTS}\n')
    (tmp_path / "sleep").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    lock = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    while not (tmp_path / "slept").exists():
        time.sleep(0.05)
    try:
        began = time.monotonic()
        while time.monotonic() < began + 2 * LASTS:
            # As `systemctl kill` does, to all of its processes.
            os.killpg(lock.pid, signal.SIGUSR1)
            time.sleep(0.2)
        assert lock.poll() is None
        assert lock.wait(timeout=30) == 0
        assert set((tmp_path / "slept").read_text().splitlines()) == {"30m"}
    finally:
        if lock.poll() is None:
            os.killpg(lock.pid, signal.SIGKILL)
