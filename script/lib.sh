# shellcheck shell=bash
# What every script here starts with: the top directory, the tools' path, and how to speak.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
export PATH="$top/.venv/bin:$PATH"
cd "$top"
mkdir -p "$cache"

network=hivetalk-lab
subnet=10.89.77.0/24
image=localhost/hivetalk-host

say() { printf '%s\n' "$*"; }

# fail MESSAGE [WHAT TO DO]
fail() {
    printf '%s: %s\n' "script/$(basename "$0")" "$1" >&2
    [ $# -lt 2 ] || printf '  What to do: %s\n' "$2" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

# step NAME COMMAND...: one line on the terminal, the command's output in .cache/log; all of it only on failure.
step() {
    local name=$1 log began=$SECONDS
    shift
    log=$cache/log/$(tr -c 'a-z0-9\n' '-' <<<"${name,,}").log
    mkdir -p "${log%/*}"
    printf '%-52s ' "$name"
    # Not within `if`: bash would go on after a failed line of a function.
    set +e
    (set -e && "$@") >"$log" 2>&1 </dev/null
    local status=$?
    set -e
    if [ $status = 0 ]; then
        printf 'done, %s s\n' "$((SECONDS - began))"
    else
        printf 'FAILED\n'
        tail -n 40 "$log" >&2
        fail "'$name' failed: the end of its output is above, all of it in ${log#"$top"/}" \
            "mend what the last lines name (network? disk?), then run the same command again"
    fi
}

# need_setup: everything but script/setup calls this.
need_setup() {
    [ -x "$top/.venv/bin/ansible-playbook" ] && [ -x "$top/.venv/bin/podman" ] || "$top/script/setup"
}
