"""Is the configuration sound, and can the secrets be read?"""

import getpass
import os
import re
from pathlib import Path

from hivetalk_scheduler import config
from hivetalk_scheduler.check import Check, ok, wrong
from hivetalk_scheduler.commands.config import check_secrets
from hivetalk_scheduler.config import Config
from hivetalk_scheduler.doctor.system import Unit
from hivetalk_scheduler.errors import ConfigError


def configuration(path: str) -> tuple[Config, list[Check]]:
    """The settings, as far as they are sound, and what is wrong with the others; raises ConfigError if no secret can
    be read."""
    try:
        settings = config.load(path)
        check_secrets(settings.secrets)
    except ConfigError as error:
        mend = "correct the variable and deploy again; config check shows them all"
        lines = str(error).removeprefix(f"{path}: ").splitlines()
        return config.sound_part(path), [wrong("configuration", line, mend, error.status) for line in lines]
    return settings, [ok("configuration", path)]


def secrets(service: Unit) -> list[Check]:
    """Whether this command has each secret that the service is given, and as whom."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    here = {path.name for path in Path(directory).iterdir()} if directory else set()
    loads = service.get("LoadCredential", "") + " " + service.get("LoadCredentialEncrypted", "")
    missing = sorted(set(re.findall(r"(\w+):/", loads)) - here)
    who = f"as {getpass.getuser()}"
    if missing:
        mend = "run it as root: it then has what the service is given"
        return [wrong("secrets", f"{', '.join(missing)} cannot be read {who}", mend, os.EX_NOPERM)]
    return [ok("secrets", f"{', '.join(sorted(here)) or 'none are set'} ({who})")]
