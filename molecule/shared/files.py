"""What is on a host's file system, so that before and after can be compared."""

from testinfra.host import Host

_LIST = (
    "find {paths} -xdev {pruned} -printf '%p %M %U:%G %l\\n';"
    " find {paths} -xdev {pruned} -type f -exec sha256sum {{}} +"
)


def listing(host: Host, *paths: str, without: tuple[str, ...] = ()) -> set[str]:
    """Lines for each file below `paths` (those that exist): whose it is, where it leads, what it holds.

    Nothing below `without` counts, nor do the private directories of a service that runs just now.
    """
    without = (*without, "/tmp/systemd-private-*", "/var/tmp/systemd-private-*")  # noqa: S108 - only left out
    there = [path for path in paths if host.run("test -e %s -o -L %s", path, path).rc == 0]
    if not there:
        return set()
    pruned = " ".join(f"-path '{path}' -prune -o" for path in without)
    return set(host.check_output(_LIST.format(paths=" ".join(there), pruned=pruned)).splitlines())
