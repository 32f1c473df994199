"""``python -m bench [MODE...] [--quick] [--full]``, called by script/bench: measure, show, keep."""

import argparse
import json
import sys
from datetime import UTC, datetime

from bench import (
    backlog,
    burst,
    deploy,
    growth,
    idle,
    lateness,
    machine,
    postgres,
    product,
    publish,
    receipt,
    scale,
    table,
    webhooks,
)
from bench.place import RESULTS, say

MODES = {
    module.__name__.rpartition(".")[2]: module.measure
    for module in (idle, growth, burst, scale, backlog, publish, webhooks, receipt, lateness, deploy)
}


def main() -> int:
    """Measure; returns the exit status: non-zero only if something did not do what it must."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "modes", nargs="*", metavar="MODE", help=f"of {', '.join(MODES)}; all if none is given"
    )
    parser.add_argument(
        "--quick", action="store_true", help="three minutes: small numbers, no time is judged"
    )
    parser.add_argument(
        "--full", action="store_true", help="growth up to 10 million finished rows, a backlog of 1 million"
    )
    given = parser.parse_args()
    unknown = set(given.modes) - set(MODES)
    if unknown:
        parser.error(f"there is no mode {', '.join(sorted(unknown))}; take some of {', '.join(MODES)}")
    directory = RESULTS / "quick" if given.quick else RESULTS
    directory.mkdir(parents=True, exist_ok=True)
    failed = []
    with postgres.running() as server:
        product.migrated(server)
        about = machine.describe(server)
        for mode in given.modes or MODES:
            say(f"== {mode}")
            arguments = {"full": given.full} if mode in ("growth", "backlog") else {}
            try:
                found = MODES[mode](server, given.quick, **arguments)
            except RuntimeError as error:
                say(f"{mode} FAILED: {error}")
                failed.append(mode)
                continue
            result = {"mode": mode, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": about,
                      "command": " ".join(["script/bench", *sys.argv[1:]]), "found": found}  # fmt: skip
            (directory / f"{mode}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            print(f"\n{table.of(mode, found)}\n", flush=True)
    if failed:
        say(f"FAILED: {', '.join(failed)}; the programs' own words are in .cache/bench/log")
        return 1
    say(f"results: {directory.relative_to(RESULTS.parents[2])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
