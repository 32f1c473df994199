"""Checks what hosts are given, on the controller, before any of them changes. Prints JSON: of each its problems, or
without any also its name and release, the code that it needs, archive.py's options for it unless the host has it, and
the user of its database_url.

Arguments: the project's directory, the roles' argument_specs.yml. Standard input: JSON, of each host the variables that
begin with a role's prefix and ansible_managed, as JSON, what probe.py has said there, if anything, and its interpreter.
Needs the package hivetalk_scheduler in the path.
"""

import difflib
import functools
import hashlib
import ipaddress
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import templates
import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from hivetalk_scheduler import config, keys
from hivetalk_scheduler.destinations.schemes import SCHEMES
from hivetalk_scheduler.errors import ConfigError

PREFIX = "hivetalk_scheduler_"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
MEMORY = re.compile(r"infinity|([0-9]{1,9})([MG])", re.ASCII)
LEAST_MEMORY, LEAST_TASKS = 128, 16
"""MB and threads: what a run that fires takes, and a little."""
NETWORKS = ("localhost", "link-local", "multicast")
"""What systemd.resource-control(5) names, but for any."""
OWN = re.compile(r"(localhost|127\.[\d.]+|\[?::1\]?)?(:\d*)?|[/@].*")
"""A database's host that is the scheduler's own: nothing, its loopback, or a socket (with its port)."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
UNBINDABLE = re.compile(r"[\x00-\x1f\x7f\"\\]")


def problems(project: Path, specs: list[str], variables: dict[str, Any]) -> Iterator[str]:
    """Everything that is wrong, each with the variable, its value unless it is a secret, and the mend."""
    known: dict[str, Any] = {"ansible_managed": {"type": "str"}}
    for path in specs:
        known |= yaml.load(Path(path).read_text(), yaml.CSafeLoader)["argument_specs"]["main"]["options"]
    for name in sorted(set(variables) - set(known)):
        close = difflib.get_close_matches(name, known, 1)
        yield f"{name}: no such variable" + (f"; did you mean {close[0]}?" if close else "")

    unfit = list(unfit_values({name: variables[name] for name in variables if name in known}, known))
    yield from unfit
    if not unfit:
        yield from unfit_texts(variables)
        yield from misfits(templates.render(project / "templates/config.toml.j2", variables), variables)


def unfit_values(variables: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    """Values of another type than the spec's, and texts that could not stand in a line of a unit."""
    for name, value in variables.items():
        spec = known[name]
        # Ansible would make a text of anything, and of a list an odd one.
        unfit = spec["type"] == "str" and not isinstance(value, str)
        if unfit or ArgumentSpecValidator({name: spec}).validate({name: value}).error_messages:
            shown = "" if spec.get("no_log") else f" is {value!r}:"
            yield f"{name}{shown} takes a value of the type {spec['type']}"
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and CONTROL.search(text.strip("\n")):
                yield f"{name} contains a control character, such as a line's end: write it without"


def unfit_texts(variables: dict[str, Any]) -> Iterator[str]:
    name = variables[PREFIX + "name"]
    if not NAME.fullmatch(name):
        yield (
            f"{PREFIX}name is {name!r}: it takes a to z, 0 to 9, '-' and '_', at most 31, "
            "and begins with a letter"
        )
    kept = variables[PREFIX + "keep_releases"]
    if int(float(kept)) < 2:
        yield f"{PREFIX}keep_releases is {kept}: it takes 2 or more, the current one and one to return to"
    if CONTROL.search(variables[PREFIX + "on_calendar"]):  # its last character, too
        yield f"{PREFIX}on_calendar contains a line's end: write it without"
    for variable in (PREFIX + "on_calendar", PREFIX + "destinations", PREFIX + "alerts"):
        if "\\" in str(variables[variable]):
            yield f"{variable} contains a backslash, which a unit cannot hold there: write it without"
    if variables[PREFIX + "networks"] and UNBINDABLE.search(unquote(variables[PREFIX + "database_url"])):
        yield (
            f"{PREFIX}database_url contains a control character, a quote or a backslash, and with {PREFIX}networks "
            "the unit binds the files that it names: write it without"
        )
    yield from unfit_limits(variables)
    admin = variables.get("hivetalk_database_admin_url", "")
    if admin:
        yield from config.bad_database_url(admin, "hivetalk_database_admin", "")


def unfit_limits(variables: dict[str, Any]) -> Iterator[str]:
    """What systemd would take for no limit, or for another one: it ignores a line that it cannot read."""
    memory = variables[PREFIX + "memory_max"]
    size = MEMORY.fullmatch(memory)
    if not size:
        yield f"{PREFIX}memory_max is {memory!r}: it takes a number with M or G, such as 512M, or infinity"
    elif size[1] and int(size[1]) * (1024 if size[2] == "G" else 1) < LEAST_MEMORY:
        yield f"{PREFIX}memory_max is {memory!r}: a run needs {LEAST_MEMORY}M at least"
    if int(float(variables[PREFIX + "tasks_max"])) < LEAST_TASKS:
        yield f"{PREFIX}tasks_max is {variables[PREFIX + 'tasks_max']}: a run needs {LEAST_TASKS} at least"
    for network in variables[PREFIX + "networks"]:
        try:
            if network not in NETWORKS:
                ipaddress.ip_network(network)
        except ValueError as error:
            yield (
                f"{PREFIX}networks holds {network!r}: {error}; it takes addresses, prefixes such as "
                f"192.0.2.0/24, and {', '.join(NETWORKS)}"
            )


def misfits(toml: str, variables: dict[str, Any]) -> Iterator[str]:
    """What the program itself says of its configuration and its secrets."""
    texts = {
        name: variables[PREFIX + name].strip() or None
        for name in ("nostr_nsec", "webhook_secret", "database_password", "ping_url")
    }
    urls = {name: tuple(variables[PREFIX + "secret_" + name]) for name in ("destinations", "alerts")}
    secrets = config.Secrets(**texts, **urls)
    try:
        config.parse(toml, "", secrets)
    except ConfigError as error:
        for line in str(error).removeprefix(": ").splitlines():
            yield PREFIX + line
    for text, check in ((secrets.nostr_nsec, keys.secret_key), (secrets.webhook_secret, keys.webhook_key)):
        try:
            if text:
                check(text)
        except ValueError as error:
            yield str(error).replace("the credential ", PREFIX)


def parameters(url: str) -> dict[str, str]:
    """What libpq would be told by the URL: a parameter counts for more than what stands before it."""
    address, _, query = url.partition("?")
    authority, _, name = address.partition("://")[2].partition("/")
    user, _, hosts = authority.rpartition("@")
    pairs = [("user", user), ("host", hosts), ("dbname", name)]
    pairs += [(key, value) for key, _, value in (pair.partition("=") for pair in query.split("&"))]
    return {unquote(key): unquote(value) for key, value in pairs}


def shared(url: str) -> str:
    """The database by which hosts with that URL share their work; empty if it is on the host itself."""
    said = parameters(url)
    hosts = (said.get("hostaddr") or said["host"]).split(",")
    away = sorted(host for host in hosts if not OWN.fullmatch(host))
    return f"{','.join(away)}/{said['dbname']}" if away else ""


def lock_for(variables: dict[str, Any]) -> str:
    """Which of requirements/*.lock the host needs: Apprise only goes where a URL is of a scheme of its."""
    kinds = ("destinations", "secret_destinations", "alerts", "secret_alerts")
    schemes = {urlsplit(url).scheme for kind in kinds for url in variables.get(PREFIX + kind, [])}
    return "apprise" if schemes & SCHEMES else "runtime"


def twins(hosts: dict[str, dict[str, Any]], given: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each host that shares its hostname and its database with others, and why that does not do."""
    # A canary is fired by the host of that name, into its journal.
    known: dict[tuple[str, ...], list[str]] = {}
    for name, host in hosts.items():
        url, scheduler = (given[name][PREFIX + word] for word in ("database_url", "name"))
        if shared(url):
            known.setdefault((host["hostname"], scheduler, shared(url)), []).append(name)
    for names in known.values():
        why = (
            f"of one hostname, and at work on one database, are {' and '.join(names)}: each would fire the canaries "
            "of the other, and their counts would be mixed; give each its own by hostnamectl set-hostname NAME"
        )
        if len(names) > 1:
            yield from ((name, why) for name in names)


def files(project: Path, variables: dict[str, Any], target: dict[str, Any]) -> str:
    """All of a release's files as one text, without the names that are made of it."""
    unnamed = {"_hivetalk_scheduler_release": "", "_hivetalk_scheduler_code": ""}
    given = variables | unnamed | {"_hivetalk_scheduler_target": target}
    return templates.render(project / "templates/release.j2", given)


def main() -> None:
    import archive

    project, specs = Path(sys.argv[1]), sys.argv[2:]
    hosts = json.load(sys.stdin)
    # Most hosts are given the same, and are the same: once for all of them.
    problems_of = functools.cache(lambda given: list(problems(project, specs, json.loads(given))))
    names_of = functools.cache(lambda inputs, lock: archive.names(project, list(inputs), lock))
    files_of = functools.cache(lambda given, target: files(project, json.loads(given), dict(target)))
    found = {name: {"problems": [*problems_of(given)]} for name, (given, _, _) in hosts.items()}

    fit = [name for name in hosts if not found[name]["problems"] and hosts[name][1]]
    variables = {name: json.loads(hosts[name][0]) for name in fit}
    probed = {name: json.loads(hosts[name][1]) for name in fit}
    for name in fit:
        lock = lock_for(variables[name])
        host = (probed[name]["python"], probed[name]["machine"], hosts[name][2])
        version, code = names_of(host, lock)
        # By what is in it: the same input is the same release.
        try:
            text = files_of(hosts[name][0], tuple((key, probed[name][key]) for key in ("encrypts", "prefix")))
        except AnsibleError as error:
            found[name]["problems"].append(str(error))
            continue
        digest = hashlib.sha256(json.dumps([code, text]).encode()).hexdigest()
        user = parameters(variables[name][PREFIX + "database_url"])["user"]
        found[name] |= {
            "name": variables[name][PREFIX + "name"],
            "release": f"{version}-{digest[:12]}",
            "code": code,
            "archive": []
            if code in probed[name]["code"]
            else [
                f"--python={probed[name]['python']}",
                f"--machine={probed[name]['machine']}",
                f"--interpreter={hosts[name][2]}",
                f"--wheels={variables[name][PREFIX + 'wheels_dir']}",
                f"--lock={lock}",
            ],
            "database_user": user,
        }
    for name, why in twins(probed, variables):
        found[name]["problems"].append(why)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
