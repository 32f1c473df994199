"""The connection to a container of the lab: containers.podman.podman that hands a module over as ssh does.

That one starts five processes in the container for each task; a host that is reached by ssh, with ansible.cfg's
``pipelining``, sees one, and so it is here.
"""

import shlex

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
        # The container's file system is wanted for files alone.
        self._connected = True

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = False
    ) -> tuple[int, bytes, bytes]:
        """Run `cmd` in the container with `in_data` on its standard input."""
        ConnectionBase.exec_command(self, cmd, in_data=in_data, sudoable=sudoable)
        user = ["--user", self.user] if self.user else []
        return self._podman(["exec", "--interactive", *user], shlex.split(cmd), in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container."""
        super()._connect()
        super().put_file(in_path, out_path)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of it."""
        super()._connect()
        super().fetch_file(in_path, out_path)
