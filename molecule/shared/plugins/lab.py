"""The connection to a container of the lab: containers.podman.podman that hands a module over as ssh does.

That one starts five processes in the container for each task, and mounts its files for a copy; a host that is reached
by ssh, with ansible.cfg's ``pipelining``, sees one, and a copy as one, and so it is here. How many bytes each brings
into the container is written to the file that LAB_SENT names, a line each.
"""

import os
import shlex
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible_collections.containers.podman.plugins.connection import podman

DOCUMENTATION = """
    name: lab
    short_description: A container of the lab
    description: Through the standard input of podman exec.
    author: HiveTalk
    options:
      remote_addr:
        description: The container's name.
        default: inventory_hostname
        vars: [{name: inventory_hostname}, {name: ansible_host}]
      remote_user:
        description: Who runs the commands there.
        vars: [{name: ansible_user}]
      podman_executable:
        description: The program podman.
        default: podman
      podman_extra_args:
        description: Its first arguments.
        default: ""
"""


class Connection(podman.Connection):
    """Lets Ansible write a module to the program that runs it."""

    transport = "lab"
    has_pipelining = True

    def _connect(self) -> None:
        # Whatever is wanted of the container, it is asked for when it is.
        self._connected = True

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = False
    ) -> tuple[int, bytes, bytes]:
        """Run `cmd` in the container with `in_data` on its standard input."""
        ConnectionBase.exec_command(self, cmd, in_data=in_data, sudoable=sudoable)
        if "LAB_SENT" in os.environ:
            with Path(os.environ["LAB_SENT"]).open("a") as sent:
                sent.write(f"{len(cmd) + len(in_data or b'')}\n")
        user = ["--user", self.user] if self.user else []
        return self._podman(["exec", "--interactive", *user], shlex.split(cmd), in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container; raises AnsibleError."""
        self._copy('cat >"$1"', out_path, Path(in_path).read_bytes())

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of it; raises AnsibleError."""
        Path(out_path).write_bytes(self._copy('cat "$1"', in_path))

    def _copy(self, command: str, path: str, content: bytes = b"") -> bytes:
        code, out, said = self.exec_command(shlex.join(["sh", "-c", command, "sh", path]), content)
        if code != 0:
            raise AnsibleError(f"{path} could not be copied: {said.decode(errors='replace')}")
        return out
