"""``config check``: is the configuration sound? Needs no database."""

import argparse
import json
import os
import sys

from hivetalk_scheduler import config
from hivetalk_scheduler.errors import ConfigError


def main(args: argparse.Namespace) -> int:
    """Print each setting, or raise ConfigError with every problem; ``--config -`` reads standard input."""
    if args.config == "-":
        secrets = config.read_secrets(os.environ.get("CREDENTIALS_DIRECTORY"))
        found = config.parse(sys.stdin.read(), "standard input", secrets)
    else:
        found = config.load(args.config)
    check_secrets(found.secrets)
    settings = {name: value for name, value in found._asdict().items() if name != "secrets"}
    if args.json:
        print(json.dumps(settings))
    else:
        for name, value in settings.items():
            print(f"{name} = {json.dumps(value)}")
    return 0


def check_secrets(secrets: config.Secrets) -> None:
    """Raise ConfigError for a key that is none."""
    from hivetalk_scheduler import keys

    try:
        if secrets.nostr_nsec:
            keys.secret_key(secrets.nostr_nsec)
        if secrets.webhook_secret:
            keys.webhook_key(secrets.webhook_secret)
    except ValueError as error:
        raise ConfigError(str(error)) from None
