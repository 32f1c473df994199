"""A host that has lost the service's user gets it again, though it has the release."""

from testinfra.host import Host

from shared import playbook, units

NAME = "hivetalk-scheduler"


def test_the_next_deploy_makes_it_again_and_the_scheduler_works(host: Host) -> None:
    host.check_output(f"systemctl stop {NAME}.timer {NAME}.service && userdel {NAME}")
    assert not host.user(NAME).exists
    done = playbook.run("deploy")
    assert done.status == 0, done.output
    assert host.user(NAME).exists and host.user(NAME).shell == "/usr/sbin/nologin"
    assert host.run(f"{NAME} db check").rc == 0
    assert units.properties(host, f"{NAME}.timer")["ActiveState"] == "active"
    assert playbook.run("deploy").says("changed=0")
