"""What is another thing through ssh and sudo: commands have a terminal, and their words come with those of ssh."""

from testinfra.host import Host

from shared import playbook

NAME = "hivetalk-scheduler"


def test_the_first_host_is_reached_by_ssh_as_a_user_who_becomes_root(first: Host) -> None:
    said = first.check_output("journalctl --quiet --no-pager --output=cat -t sshd -t sshd-session -t sudo")
    assert "Accepted publickey for deploy" in said
    assert "session opened for user root(uid=0) by deploy" in said


def test_there_a_deploy_that_is_refused_names_who_holds_the_lock(first: Host) -> None:
    holder = "somebody on a laptop since 12:00:00 UTC"
    first.check_output(
        f"systemd-run --quiet --collect --unit={NAME}-deploy --description='{holder}' sleep 600"
    )
    try:
        done = playbook.run(
            "deploy", f"--limit={first.backend.get_hostname()}", "--extra-vars=hivetalk_scheduler_lead=1.5"
        )
    finally:
        first.check_output(f"systemctl stop {NAME}-deploy")
    assert done.status != 0
    # Nothing of the terminal or of ssh is among it.
    assert done.says(f"This host is being deployed to by {holder}. Wait until it has finished."), done.output
    assert "\\e" not in done.output and "Shared connection" not in done.output, done.output


def test_there_a_deploy_lets_go_of_its_lock(first: Host) -> None:
    done = playbook.run(
        "deploy",
        f"--limit={first.backend.get_hostname()}",
        "--extra-vars=hivetalk_scheduler_verify=false",
        "--extra-vars=hivetalk_scheduler_lead=1.5",
    )
    assert done.status == 0, done.output
    assert first.run(f"systemctl is-active {NAME}-deploy").stdout.strip() != "active"
    assert playbook.run("deploy", f"--limit={first.backend.get_hostname()}").status == 0
