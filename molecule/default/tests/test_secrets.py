"""The signing keys are in the credential and the application's table, and nowhere else."""

import pytest
from nostr_sdk import Keys
from story import NAME, Story
from testinfra.host import Host

from shared import inventory

CREDENTIAL = f"/etc/{NAME}/credentials/nostr_nsec.cred"


@pytest.fixture(params=["configured", "room"])
def secret(request: pytest.FixtureRequest, configured_key: Keys, story: Story) -> tuple[str, str]:
    """A secret key in both its notations."""
    key = (configured_key if request.param == "configured" else story.room_key).secret_key()
    return key.to_hex(), key.to_bech32()


def absent(secret: tuple[str, str], text: str, sign: str) -> None:
    """`text` must hold `sign` (so that the right thing was searched) and no notation of `secret`."""
    assert sign in text
    assert not any(notation in text for notation in secret)


def test_the_credential_holds_it_for_root_alone_and_for_this_host_alone(
    host: Host, configured_key: Keys
) -> None:
    text = host.check_output(f"systemd-creds decrypt --name=nostr_nsec {CREDENTIAL} -")
    assert Keys.parse(text).secret_key().to_hex() == configured_key.secret_key().to_hex()
    file = host.file(CREDENTIAL)
    assert (file.user, file.mode) == ("root", 0o600)
    directory = host.file(f"/etc/{NAME}/credentials")
    assert (directory.user, directory.mode) == ("root", 0o700)
    assert host.run(f"sudo -u {NAME} cat {CREDENTIAL}").rc != 0
    # Elsewhere, without the host's key, it is of no use.
    decrypt = f"systemd-creds decrypt --name=nostr_nsec {CREDENTIAL} -"
    assert host.run(f"unshare --mount sh -c 'mount -t tmpfs tmpfs /var/lib/systemd; {decrypt}'").rc != 0


def test_it_is_in_no_unit(host: Host, secret: tuple[str, str]) -> None:
    units = host.check_output(f"systemctl cat {NAME}.service {NAME}.timer")
    absent(secret, units, f"LoadCredentialEncrypted=nostr_nsec:{CREDENTIAL}")
    absent(secret, host.check_output(f"systemctl show {NAME}.service {NAME}.timer"), "ExecStart=")


def test_it_is_in_no_environment_and_in_no_argument(story: Story, secret: tuple[str, str]) -> None:
    absent(secret, story.process.arguments, "hivetalk-scheduler run")
    absent(secret, story.process.environment, "CREDENTIALS_DIRECTORY=")
    absent(secret, story.process.everything, "CREDENTIALS_DIRECTORY=")


def test_it_is_in_no_log(host: Host, secret: tuple[str, str], story: Story) -> None:
    # Binary fields made printable: the whole journal, of all units.
    text = host.check_output("journalctl --no-pager --output=export --all | tr -cd '\\11\\12\\40-\\176'")
    absent(secret, text, story.meeting.id)


def test_it_is_in_no_diff_and_no_output_of_the_deploy(secret: tuple[str, str]) -> None:
    absent(secret, inventory.deploy_log(), "+interval = 60")


def test_it_is_in_no_other_file_that_the_deploy_wrote(host: Host, secret: tuple[str, str]) -> None:
    places = f"/etc /opt/{NAME} /usr/local /var/lib/{NAME} /var/log /root /tmp /run"
    for notation in secret:
        found = host.run(f"grep -rlsF --binary-files=text {notation} {places}").stdout.split()
        # That is systemd's own copy, in memory, for as long as the service works (systemd.exec(5)).
        assert set(found) <= {f"/run/credentials/{NAME}.service/nostr_nsec"}


def test_it_is_in_no_column_of_the_schedulers_schema(host: Host, secret: tuple[str, str]) -> None:
    dump = host.check_output("sudo -u postgres pg_dump --schema=hivetalk_scheduler hivetalk")
    absent(secret, dump, "COPY hivetalk_scheduler.delivery")
