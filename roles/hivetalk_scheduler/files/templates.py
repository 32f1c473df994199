"""The files of templates/, rendered as Ansible does: for all hosts in one process, since a task of each host's would
take most of a tenth of a second of the controller.
"""

from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[1]
LOADER = DataLoader()

init_plugin_loader([])


@cache
def _own() -> dict[str, Any]:
    found: dict[str, Any] = {"role_path": str(ROLE)}
    for file in ("defaults/main.yml", "vars/main.yml"):
        found |= LOADER.load_from_file(str(ROLE / file), trusted_as_template=True)
    return found


def templar(given: dict[str, Any]) -> Templar:
    """Ansible's engine with the role's variables, but for those `given`: their texts are no templates."""
    return Templar(loader=LOADER, variables=_own() | given)


def render(template: Path, given: dict[str, Any]) -> str:
    """The file's text; raises AnsibleError."""
    lookup = trust_as_template("{{ lookup('ansible.builtin.template', _template) }}")
    return str(templar(given | {"_template": str(template)}).template(lookup))
