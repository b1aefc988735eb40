#!/usr/bin/env bash
# Load on classify/completion with the fake provider behind it: VU 10, 50, 1000 at given latencies, then saturation without any.
# Prints a Markdown table, writes one JSON file a run and the table to OUT. See README.md for what the columns mean.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BIN_DIR=${BIN_DIR:-$root/build/release/bin}
OUT=${OUT:-$root/build/load}
CONFIG=${CONFIG:-}                      # empty: the one that eco2 finds itself
VISION_MS=${VISION_MS:-4500}            # averages of the measured system at VU 10
ANSWER_MS=${ANSWER_MS:-4800}
USERS=${USERS:-"10 50 1000"}
RAMP=${RAMP:-10}
DURATION=${DURATION:-60}
THINK_MS=${THINK_MS:-0}
SATURATION_USERS=${SATURATION_USERS:-200}
SATURATION_DURATION=${SATURATION_DURATION:-20}
SUBMIT_USERS=${SUBMIT_USERS:-1000}
STREAMS=${STREAMS:-9000}
FAKE_PORT=${FAKE_PORT:-4710}
SERVE_PORT=${SERVE_PORT:-4711}
IMAGE_HOST=images.example.com

for program in eco2 eco2_load; do
    [ -x "$BIN_DIR/$program" ] || { echo "$BIN_DIR/$program is missing; build it or set BIN_DIR" >&2; exit 2; }
done
ulimit -n "$(ulimit -Hn)"
mkdir -p "$OUT"
data=$(mktemp -d)
fake_pid=
serve_pid=
stop_one() {
    if [ -n "$1" ] && kill -0 "$1" 2>/dev/null; then
        kill -TERM "$1" 2>/dev/null || true
        wait "$1" 2>/dev/null || true
    fi
}
stop_both() { stop_one "$serve_pid"; stop_one "$fake_pid"; serve_pid=; fake_pid=; }
trap 'stop_both; rm -rf "$data"' EXIT

wait_for() { # url
    for _ in $(seq 100); do
        curl -fsS -o /dev/null "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "$1 does not answer; see $OUT/*.log" >&2
    return 1
}

start_both() { # vision_ms answer_ms
    "$BIN_DIR/eco2" fake-provider --listen "127.0.0.1:$FAKE_PORT" --vision-ms "$1" --answer-ms "$2" >"$OUT/fake.log" 2>&1 &
    fake_pid=$!
    wait_for "http://127.0.0.1:$FAKE_PORT/health"
    OPENAI_BASE_URL="http://127.0.0.1:$FAKE_PORT/v1" OPENAI_API_KEY=sk-fake ECO2_IMAGE_HOSTS=$IMAGE_HOST \
        "$BIN_DIR/eco2" serve ${CONFIG:+--config "$CONFIG"} --listen "127.0.0.1:$SERVE_PORT" --data "$data" >"$OUT/serve.log" 2>&1 &
    serve_pid=$!
    wait_for "http://127.0.0.1:$SERVE_PORT/ready"
}

failures=0
load() { # name, then options of eco2_load
    local name=$1
    shift
    "$BIN_DIR/eco2_load" --name "$name" --json "$OUT/$name.json" "$@" || failures=$((failures + 1))
}

through_host() { # name users ramp duration think_ms
    load "$1" --url "http://127.0.0.1:$SERVE_PORT/api/v1/scan/classify/completion" --users "$2" --ramp "$3" --duration "$4" \
        --think-ms "$5" --unique-users --health "http://127.0.0.1:$SERVE_PORT/health" --pid "$serve_pid"
}

# One run through the host: it warms up, and its two calls are what the direct users will send.
capture_bodies() {
    curl -fsS -o "$OUT/first_run.txt" -H "content-type: application/json" \
        -d "{\"image_url\":\"https://$IMAGE_HOST/scan/00000000000000000000000000000000.jpg\"}" \
        "http://127.0.0.1:$SERVE_PORT/api/v1/scan/classify/completion"
    curl -fsS "http://127.0.0.1:$FAKE_PORT/fake/stats" >"$OUT/stats.json"
    python3 - "$OUT" <<'PY'
import json, sys
out = sys.argv[1]
bodies = json.load(open(out + "/stats.json"))["bodies"]
for name in ("vision", "answer"):
    found = [b for b in bodies if json.loads(b).get("response_format", {}).get("json_schema", {}).get("name") == name]
    if not found:
        sys.exit(f"the host sent no {name} request; see {out}/first_run.txt and {out}/serve.log")
    open(f"{out}/{name}.body.json", "w").write(found[-1])
PY
}

# The floor: what the host sends to the provider, sent by the load runner itself, two calls one after the other.
direct() { # name users ramp duration think_ms
    load "$1" --url "http://127.0.0.1:$FAKE_PORT/v1/chat/completions" --direct --header "authorization: Bearer sk-fake" \
        --body "$OUT/vision.body.json" --body "$OUT/answer.body.json" --users "$2" --ramp "$3" --duration "$4" --think-ms "$5" --pid "$fake_pid"
}

# Submitted runs: users who poll for their results, and event streams of runs that wait.
submitted() { # users streams ramp duration
    start_both "$VISION_MS" "$ANSWER_MS"
    load submit-poll --url "http://127.0.0.1:$SERVE_PORT/api/v1/scan" --poll-ms 2000 --users "$1" --ramp "$3" --duration "$4" \
        --health "http://127.0.0.1:$SERVE_PORT/health" --pid "$serve_pid"
    stop_both
    start_both 100000 "$ANSWER_MS"
    load held-streams --url "http://127.0.0.1:$SERVE_PORT/api/v1/scan" --hold --users "$2" --ramp 20 --duration 20 \
        --health "http://127.0.0.1:$SERVE_PORT/health" --pid "$serve_pid"
    kill -KILL "$serve_pid"  # a host that is asked to stop waits for its runs, and these take 100 s
    stop_both
}

names=()
point() { # name users ramp duration think_ms vision_ms answer_ms
    start_both "$6" "$7"
    capture_bodies
    through_host "$1" "$2" "$3" "$4" "$5"
    direct "$1-direct" "$2" "$3" "$4" "$5"
    stop_both
    names+=("$1")
}

for users in $USERS; do
    point "vu$users" "$users" "$RAMP" "$DURATION" "$THINK_MS" "$VISION_MS" "$ANSWER_MS"
done
point saturation "$SATURATION_USERS" 2 "$SATURATION_DURATION" 0 0 0
submitted "$SUBMIT_USERS" "$STREAMS" "$RAMP" "$DURATION"

python3 - "$OUT" "$VISION_MS" "$ANSWER_MS" "$THINK_MS" "${names[@]}" <<'PY' | tee "$OUT/table.md"
import json, os, sys
out, vision, answer, think, *names = sys.argv[1:]
print(f"Image by URL, plain HTTP on loopback, closed loop, think time {think} ms (saturation: 0), provider {vision} + {answer} ms "
      f"(saturation: 0), {os.cpu_count()} cores shared by host, provider and load runner.\n")
print("| run | users | runs | failed | runs/s | first stage p50/p95/p99 ms | total p50/p95/p99/max ms | direct p50/p99 ms | added p50/p99 ms "
      "| health p50/p99/max ms | CPU s/1,000 runs | RSS idle/peak MiB | KiB/open run |")
print("|---" * 13 + "|")
for name in names:
    r = json.load(open(f"{out}/{name}.json"))
    d = json.load(open(f"{out}/{name}-direct.json"))
    t, f, h, p, dt = r["total_ms"], r["first_stage_ms"], r["health_ms"], r.get("process", {}), d["total_ms"]
    bad = r["runs"]["failed"] + r["runs"]["unfinished"]
    print(f"| {name} | {r['users']} | {r['runs']['completed']} | {bad} | {r['runs']['per_second']:.1f} "
          f"| {f['p50']:.1f}/{f['p95']:.1f}/{f['p99']:.1f} | {t['p50']:.1f}/{t['p95']:.1f}/{t['p99']:.1f}/{t['max']:.1f} "
          f"| {dt['p50']:.1f}/{dt['p99']:.1f} | {t['p50'] - dt['p50']:.1f}/{t['p99'] - dt['p99']:.1f} "
          f"| {h['p50']:.1f}/{h['p99']:.1f}/{h['max']:.1f} | {p.get('cpu_seconds_per_1000_runs', 0):.2f} "
          f"| {p.get('rss_idle_kib', 0) / 1024:.0f}/{p.get('rss_peak_kib', 0) / 1024:.0f} | {p.get('rss_kib_per_open_run', 0):.1f} |")
PY
[ "$failures" -eq 0 ] || { echo "$failures runs had failures" >&2; exit 1; }
