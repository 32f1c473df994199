"""Secrets on a host (credentials.py): encrypted by systemd where it can, written only when they differ."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_preflight import probe
from .test_templates import ROLE, directives, render, service

CREDS = """#!/bin/sh
# Encrypts to another text at each time, as systemd-creds does: a key, a number and the secret in base 64.
echo "$*" >>{state}/said
[ ! -e {state}/unable ] || {{ echo no key >&2; exit 1; }}
for word in "$@"; do source=$target; target=$word; done
case "$*" in
    *--with-key=host*" encrypt - "*) echo "$(cat {state}/key) $$ $(base64 -w 0)" >"$target" ;;
    *" decrypt "*) read key number text <"$source" && [ "$key" = "$(cat {state}/key)" ] && echo "$text" | base64 -d ;;
esac
"""
SECRETS = {"nostr_nsec": "TOP-SECRET", "destinations": "https://x/ä\nhttps://y"}


class Host:
    """/etc/NAME of a host, and its systemd-creds."""

    def __init__(self, top: Path) -> None:
        self.etc, self.state = top / "etc", top / "state"
        self.etc.mkdir()
        self.state.mkdir()
        (self.state / "key").write_text("mine")
        (self.state / "systemd-creds").write_text(CREDS.format(state=self.state))
        (self.state / "systemd-creds").chmod(0o755)

    def run(self, *options: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-c", (ROLE / "files/credentials.py").read_text(), self.etc, *options],
            input=json.dumps(secrets),
            env={"PATH": f"{self.state}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    def deploy(self, *options: str, **secrets: str) -> Any:
        """Lay out, and do with it what a switch does; returns the names of those that differ."""
        done = self.run(*options, **secrets)
        assert done.returncode == 0, done.stderr
        (self.etc / "credentials").mkdir(exist_ok=True)
        for path in self.etc.glob("credentials.next/*"):
            path.replace(self.etc / "credentials" / path.name)
        return json.loads(done.stdout)

    def files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.etc.rglob("*") if path.is_file()}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize("options", [("--encrypt",), ()])
def test_a_secret_is_written_only_when_it_differs(host: Host, options: tuple[str, ...]) -> None:
    assert host.deploy(*options, **SECRETS) == ["destinations", "nostr_nsec"]
    before = host.files()
    assert host.deploy(*options, **SECRETS) == []
    assert host.files() == before
    assert host.deploy(*options, **SECRETS | {"nostr_nsec": "another"}) == ["nostr_nsec"]
    assert host.files().keys() == before.keys()


def test_what_is_encrypted_is_on_the_disk_in_no_other_form_and_in_no_argument(host: Host) -> None:
    host.deploy("--encrypt", **SECRETS)
    assert set(host.files()) == {"nostr_nsec.cred", "destinations.cred"}
    assert "TOP-SECRET" not in str(host.files()) + (host.state / "said").read_text()
    # Bound to its name: another credential's file in its place would be refused.
    assert "--name=nostr_nsec" in (host.state / "said").read_text()


def test_secrets_that_another_host_has_encrypted_are_written_again(host: Host) -> None:
    host.deploy("--encrypt", **SECRETS)
    (host.state / "key").write_text("another")
    assert host.deploy("--encrypt", **SECRETS) == ["destinations", "nostr_nsec"]
    assert host.deploy("--encrypt", **SECRETS) == []


def test_a_secret_that_cannot_be_encrypted_is_not_written_at_all(host: Host) -> None:
    (host.state / "unable").touch()
    done = host.run("--encrypt", **SECRETS)
    assert done.returncode == 1
    assert done.stderr == "systemd-creds could not encrypt destinations: no key\n"
    assert host.files() == {}


@pytest.mark.parametrize("options", [("--encrypt", "--check"), ("--check",)])
def test_a_check_writes_nothing_and_says_what_it_would(host: Host, options: tuple[str, ...]) -> None:
    assert host.deploy(*options, **SECRETS) == ["destinations", "nostr_nsec"]
    assert host.files() == {}


@pytest.mark.parametrize(
    ("encrypts", "directive"), [(True, "LoadCredentialEncrypted"), (False, "LoadCredential")]
)
def test_the_unit_and_the_command_load_what_the_host_can_hold(encrypts: bool, directive: str) -> None:
    given = {"hivetalk_scheduler_nostr_nsec": "x", "_hivetalk_scheduler_target": {"encrypts": encrypts}}
    path = "/etc/hivetalk-scheduler/credentials/nostr_nsec" + (".cred" if encrypts else "")
    loads = [pair for pair in directives(service(**given)) if pair[0].startswith("LoadCredential")]
    assert loads == [(directive, f"nostr_nsec:{path}")]
    assert f"--property={directive}=nostr_nsec:{path} " in render("hivetalk-scheduler.j2", **given)


@pytest.mark.parametrize(
    ("systemd", "creds", "place", "encrypts"),
    [
        ("252 (252.39)\n+PAM +OPENSSL -ACL", 0, "ext2/ext3", True),
        ("252 (252.39)\n+PAM -OPENSSL -ACL", 0, "ext2/ext3", False),
        ("252 (252.39)\n+PAM +OPENSSL -ACL", 127, "ext2/ext3", False),
        # The key would be gone after a boot, and with it the secrets.
        ("252 (252.39)\n+PAM +OPENSSL -ACL", 0, "tmpfs", False),
    ],
)
def test_a_host_encrypts_if_it_has_what_that_takes(
    tmp_path: Path, systemd: str, creds: int, place: str, encrypts: bool
) -> None:
    for name, script in {"systemd-creds": f"exit {creds}", "stat": f"echo {place}"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    assert probe(tmp_path, systemd=systemd)["encrypts"] == encrypts
