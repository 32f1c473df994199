"""Whom the schema is granted to: the user that libpq logs in as with database_url, found on the controller."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template
from psycopg.conninfo import conninfo_to_dict

from .test_preflight import DEFAULTS, SPECS
from .test_templates import LOADER, ROLE, TOP

DATABASE = TOP / "roles/hivetalk_database"
ADMIN = "postgresql://owner@db1:5432,db2:5433/x"
URLS = [
    "postgresql://u@db1:5432,db2:5433/x",
    "postgresql://u@[2001:db8::1]:5432,db2/x?target_session_attrs=any",
    "postgresql://h/x?user=foo",
    "postgresql://u@h/x?user=foo",
    "postgresql://u@h/x?application_name=user&%75ser=f%2Boo+1",
    "postgresql://a%40b%25c%3Fd@h/x",
    "postgresql://u@/x?host=/run/postgresql",
    "postgres://h?user=late",
    "postgresql://u@h/x?user=",
    "postgresql:///x",
    "postgresql://db1:5432,db2:5433",
]


def migration(url: str) -> list[str]:
    """The words of the migration's command, from a preflight of the role's defaults with that database_url."""
    variables: dict[str, Any] = DEFAULTS | {
        "hivetalk_scheduler_database_url": url,
        "hivetalk_database_admin_url": ADMIN,
        "hivetalk_database_admin_password": "",
    }
    host = json.dumps(
        {
            "python": "3.11",
            "machine": "x86_64",
            "hostname": "h",
            "encrypts": True,
            "prefix": "/usr",
            "code": [],
        }
    )
    said = subprocess.run(
        [sys.executable, ROLE / "files/check.py", TOP, *SPECS],
        input=json.dumps({"h": [json.dumps(variables), host, "/usr/bin/python3"]}),
        env=os.environ | {"PYTHONPATH": str(TOP / "scheduler")},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    variables |= LOADER.load_from_file(str(DATABASE / "vars/main.yml"), trusted_as_template=True)
    variables |= {
        "_hivetalk_scheduler_checked": json.loads(said.stdout)["h"],
        "_hivetalk_scheduler_installed_program": "/p",
    }
    task = yaml.safe_load((DATABASE / "tasks/migrate.yml").read_text())[0]["ansible.builtin.command"]
    templar = Templar(loader=LOADER, variables=variables)
    return list(templar.template(trust_as_template(task["argv"])))


@pytest.mark.parametrize("url", URLS)
def test_the_schema_is_granted_to_whom_libpq_logs_in_as(url: str) -> None:
    words = migration(url)
    assert words[words.index("--url") + 1] == ADMIN
    assert words[words.index("--grant-to") + 1] == (
        conninfo_to_dict(url).get("user") or DEFAULTS["hivetalk_scheduler_name"]
    )
