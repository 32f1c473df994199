"""Lays out secrets that differ from those on the host, in NAME's credentials.next; a switch takes them from there.

Arguments: /etc/NAME; --encrypt to have systemd encrypt them with the host's key (systemd-creds(1)), in files that end
with .cred; --check to change nothing. Standard input: JSON with the text of each secret that is set. Prints the names
of those that differ.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main(etc: Path, encrypt: bool, check: bool) -> None:
    os.umask(0o077)
    current, following = etc / "credentials", etc / "credentials.next"
    wanted: dict[str, str] = json.load(sys.stdin)
    suffix, read, write = (".cred", decrypted, encrypted) if encrypt else ("", plain, Path.write_bytes)
    # An encrypted one is another at each time, so what is compared is the secret itself.
    changed = sorted(
        name for name, text in wanted.items() if read(current / (name + suffix)) != text.encode()
    )
    if not check:
        shutil.rmtree(following, ignore_errors=True)  # by a deploy that was killed
        if changed:
            following.mkdir()
            for name in changed:
                write(following / (name + suffix), wanted[name].encode())
    print(json.dumps(changed))


def plain(path: Path) -> bytes | None:
    """The secret in a file, or None if there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def decrypted(path: Path) -> bytes | None:
    """The secret in an encrypted file; None if there is none, or if it is another host's."""
    done = creds("decrypt", path, "-")
    return done.stdout if done.returncode == 0 else None


def encrypted(path: Path, secret: bytes) -> None:
    done = creds("encrypt", "-", path, secret=secret)
    if done.returncode != 0:
        sys.exit(f"systemd-creds could not encrypt {path.stem}: {done.stderr.decode().strip()}")


def creds(
    action: str, source: Path | str, target: Path | str, secret: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run systemd-creds. By the host's key, not by the TPM's: that one a change of the firmware locks."""
    path = next(place for place in (source, target) if isinstance(place, Path))
    key = ["--with-key=host"] if action == "encrypt" else []
    command = ["systemd-creds", *key, f"--name={path.stem}", action, source, target]
    return subprocess.run(command, input=secret, capture_output=True)  # noqa: S603 - our own words, no shell


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--encrypt" in sys.argv, "--check" in sys.argv)
