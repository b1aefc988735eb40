# Sourced by the scripts that measure `eco2 serve` in front of `eco2 fake-provider`: starts, stops, and the answer to expect.

bench_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$bench_here/../.." && pwd)
BIN_DIR=${BIN_DIR:-$root/build/release/bin}
SHARE=${SHARE:-$BIN_DIR/../share/eco2}
MODEL=${MODEL:-gpt-5.2-mini}

for program in "$BIN_DIR/eco2" "$BIN_DIR/eco2_proxy_load"; do
    [ -x "$program" ] || { echo "$program is missing; build it or set BIN_DIR" >&2; exit 2; }
done
for program in curl python3; do
    command -v "$program" >/dev/null || { echo "$program is missing; deploy/packages.sh test" >&2; exit 2; }
done
ulimit -n "$(ulimit -Hn)"
mkdir -p "$OUT"
scratch=$(mktemp -d)
started=()
stop_all() {
    local i pid
    for ((i = ${#started[@]} - 1; i >= 0; --i)); do # what was started last may still be talking to what was started first
        pid=${started[$i]}
        kill -TERM "$pid" 2>/dev/null || continue
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started=()
}
trap 'stop_all; rm -rf "$scratch"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for() { # url log
    for _ in $(seq 150); do
        curl -fsS -o /dev/null "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "$1 does not answer" >&2
    tail -n 20 "$2" >&2
    return 1
}

# Sets last_pid and last_port.
start_fake() { # name, then options of eco2 fake-provider
    local name=$1
    shift
    last_port=$(free_port)
    "$BIN_DIR/eco2" fake-provider --listen "127.0.0.1:$last_port" "$@" >"$OUT/$name.log" 2>&1 &
    last_pid=$!
    started+=("$last_pid")
    wait_for "http://127.0.0.1:$last_port/health" "$OUT/$name.log"
}

fake_control() { # port json
    local reply
    reply=$(curl -sS -d "$2" "http://127.0.0.1:$1/fake/behaviour" -w '\n%{http_code}')
    [ "${reply##*$'\n'}" = 200 ] || { echo "the fake provider refuses $2: $reply" >&2; return 1; }
}

# A copy of the shipped configuration, of which one file, or a new one, is served with lines appended. Sets last_pid and last_port.
start_serve() { # name config-file-in-share lines
    last_port=$(free_port)
    rm -rf "$scratch/share"
    cp -r "$SHARE" "$scratch/share"
    printf '\n%s\n' "$3" >>"$scratch/share/$2"
    "$BIN_DIR/eco2" serve --config "$scratch/share/$2" --listen "127.0.0.1:$last_port" --data "$scratch/data" --log-level warn \
        >"$OUT/$1.log" 2>&1 &
    last_pid=$!
    started+=("$last_pid")
    wait_for "http://127.0.0.1:$last_port/ready" "$OUT/$1.log"
}

# The text of an honest answer, asked of the provider itself.
keep_expected_text() { # base-url file
    curl -fsS -H 'content-type: application/json' "$1/chat/completions" \
        -d '{"model":"'"$MODEL"'","messages":[{"role":"user","content":"How do I dispose of a bottle?"}]}' |
        python3 -c 'import json, sys; sys.stdout.write(json.load(sys.stdin)["choices"][0]["message"]["content"])' >"$2"
    [ -s "$2" ] || { echo "$1 gives no answer to compare with" >&2; return 1; }
}
