"""Deployed to a host that reaches nothing, from a controller that fetches nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from testinfra.host import Host

from shared import application, playbook

NAME = "hivetalk-scheduler"
TOP = Path(__file__).parents[3]
NOWHERE = "http://127.0.0.1:9/"
"""The discard port: nothing answers there."""
EMPTY = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": NOWHERE,
    "PIP_RETRIES": "0",
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
}


def archive() -> Path:
    """The archive that the controller would make or has made, by its own word."""
    said = subprocess.run(
        [
            sys.executable, TOP / "roles/hivetalk_scheduler/files/archive.py", "--name-only",
            f"--project={TOP}", f"--cache={TOP / '.cache/releases'}",
            "--python=3.11", f"--machine={os.uname().machine}", "--interpreter=/usr/bin/python3.11",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Path(json.loads(said.stdout)["archive"])


@pytest.fixture(scope="module")
def deployed(host: Host) -> playbook.Result:
    """The deploy; before it, on a machine that has a network, the wheels are fetched."""
    wheels = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "wheels"
    tags = [
        f"--platform={tag}_{os.uname().machine}"
        for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
    ]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--python-version=3.11", *tags,
            "--dest", wheels, "--requirement", TOP / "requirements/runtime.lock",
        ],
        check=True,
    )  # fmt: skip
    archive().unlink(missing_ok=True)
    host.check_output("ip link set dev eth0 down")
    return playbook.run("deploy", environment=EMPTY)


def test_the_deploy_works_without_any_network(deployed: playbook.Result, host: Host) -> None:
    assert deployed.status == 0, deployed.output
    assert archive().exists()
    assert host.run("ip route get 192.0.2.1").rc != 0


def test_without_the_wheels_it_would_have_failed_and_said_why(deployed: playbook.Result) -> None:
    # Other wheels are of another archive, and there are none of these.
    without = (
        "--extra-vars",
        "hivetalk_scheduler_wheels_dir=",
        "--extra-vars",
        "hivetalk_scheduler_python=/bin/python3",
    )
    done = playbook.run("deploy", *without, environment=EMPTY)
    assert done.status != 0
    assert done.says(
        "The controller needs its package index, or all the wheels in hivetalk_scheduler_wheels_dir"
    )


def test_what_was_deployed_fires_by_its_timer(deployed: playbook.Result, host: Host) -> None:
    done = host.run(f"timeout 60 {NAME} test-event --in 1 --wait")
    assert done.rc == 0, done.stdout + done.stderr
    rows = application.query(host, "SELECT DISTINCT destination, state FROM hivetalk_scheduler.delivery")
    assert {"destination": "journal:", "state": "delivered"} in rows
