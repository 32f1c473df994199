"""Waits until the timer alone has had the current release fire a canary on this host; else says why it did not.

Arguments: the scheduler's name.
"""

import json
import subprocess
import sys
import time

LOOK = 0.5
"""Seconds between two looks."""
SIGN = 60
"""Seconds between two signs of life to the lock of this host, which ends without any (tasks/lock.yml)."""
CRASHES = 2
"""Failed runs after which the release is given up: one may be bad luck, and systemd has then tried again."""


def said(*command: str) -> str:
    """What the command prints; ends with its words if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - our own words, no shell
    if done.returncode != 0:
        words = done.stderr.strip() or f"{command[0]} ended with status {done.returncode}"
        sys.exit(f"its command does not work: {words[-1000:]}")
    return done.stdout


def state(service: str) -> dict[str, str]:
    """systemd's word on the service."""
    names = "--property=ActiveState,Result,ExecMainStatus,InvocationID"
    return dict(line.split("=", 1) for line in said("systemctl", "show", names, service).splitlines())


def main(name: str) -> None:
    service = f"{name}.service"
    before, began = state(service)["InvocationID"], time.time()
    canary = json.loads(said(f"/opt/{name}/current/command", "--json", "test-event", "--unseen"))
    journal = (
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=cat",
        f"--unit={service}",
        f"--since=@{began:.0f}",
    )
    give_up = began + canary["patience_s"]
    failed: set[str] = set()
    sign = began
    while True:
        if time.time() >= sign:
            # Without an answer: whoever has ended the lock may have had a reason.
            command = ["systemctl", "kill", "--signal=USR1", f"{name}-deploy.service"]
            subprocess.run(command, capture_output=True)  # noqa: S603 - our own words, no shell
            sign = time.time() + SIGN
        now = state(service)
        delivered = [line for line in said(*journal).splitlines() if line.startswith("delivered ")]
        if any(f"event={canary['event_id']} " in line for line in delivered):
            return
        if now["Result"] != "success" and now["InvocationID"] not in ("", before):
            failed.add(now["InvocationID"])
        if failed and (now["ActiveState"] == "failed" or len(failed) >= CRASHES):
            sys.exit(f"its run failed: {now['Result']}, status {now['ExecMainStatus']}")
        # A run of before may still be at work; the next one starts when it has ended.
        if now["ActiveState"] == "activating" and now["InvocationID"] == before:
            give_up = max(give_up, time.time() + canary["patience_s"])
        if time.time() > give_up:
            ran = "no run has started" if now["InvocationID"] == before else "its runs did not deliver"
            sys.exit(
                f"the canary {canary['event_id']} was not fired within {canary['patience_s']:.0f} s: {ran}"
            )
        time.sleep(LOOK)


if __name__ == "__main__":
    main(sys.argv[1])
