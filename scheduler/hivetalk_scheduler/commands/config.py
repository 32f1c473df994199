"""``config check``: is the configuration sound? Needs no database."""

import argparse
import json
import os
import sys
from dataclasses import fields

from hivetalk_scheduler import config


def main(args: argparse.Namespace) -> int:
    """Print each setting, or raise ConfigError with every problem; ``--config -`` reads standard input."""
    if args.config == "-":
        secrets = config.read_secrets(os.environ.get("CREDENTIALS_DIRECTORY"))
        found = config.parse(sys.stdin.read(), "standard input", secrets)
    else:
        found = config.load(args.config)
    if found.secrets.nostr_nsec:
        from hivetalk_scheduler import keys
        from hivetalk_scheduler.errors import ConfigError

        try:
            keys.secret_key(found.secrets.nostr_nsec)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    settings = {f.name: getattr(found, f.name) for f in fields(found) if f.name != "secrets"}
    if args.json:
        print(json.dumps(settings))
    else:
        for name, value in settings.items():
            print(f"{name} = {json.dumps(value)}")
    return 0
