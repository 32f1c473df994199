"""A host's power switch."""

import subprocess


def off(name: str) -> None:
    """Shut the host `name` down, as its own shutdown would."""
    subprocess.run(["podman", "stop", "--time", "30", name], check=True, capture_output=True)


def on(name: str) -> None:
    """Start it, and wait until it has booted."""
    subprocess.run(["podman", "start", name], check=True, capture_output=True)
    # systemctl cannot connect before systemd listens.
    wait = "for n in $(seq 100); do systemctl is-system-running --wait && exit; sleep 0.1; done; exit 1"
    subprocess.run(["podman", "exec", name, "sh", "-c", wait], check=True, capture_output=True, timeout=90)
