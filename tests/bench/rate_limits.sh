#!/usr/bin/env bash
# How much of the upstream's limits is used: two accounts with RPM requests a minute each, three keys (two of one account), windows of a
# minute, more demand than the limits allow, for MINUTES. Judged: at least 97 % of what the limits allow goes through, at most 0.1 % of
# the requests meet a 429, at the provider or at the client. Exit code 1 where a bound is missed.
#
#   RPM=500 MINUTES=4 CONNECTIONS=100 WINDOW=fixed BIN_DIR=… OUT=… tests/bench/rate_limits.sh
set -euo pipefail

OUT=${OUT:-$(cd "$(dirname "$0")/../.." && pwd)/build/limits}
. "$(dirname "$0")/proxy_common.sh"
RPM=${RPM:-500}
MINUTES=${MINUTES:-4}
CONNECTIONS=${CONNECTIONS:-100} # as many calls wait for their turn
ANSWER_MS=${ANSWER_MS:-50}
WINDOW=${WINDOW:-fixed}         # or sliding

start_fake fake --answer-ms "$ANSWER_MS" --accounts '{"accounts":{"a":{"rpm":'"$RPM"',"keys":["key-a1","key-a2"]},"b":{"rpm":'"$RPM"',
    "keys":["key-b1"]}},"window":"'"$WINDOW"'","window_ms":60000}'
fake_port=$last_port

# The expected text, without spending from a window of those that are measured.
start_fake reference --answer-ms "$ANSWER_MS"
keep_expected_text "http://127.0.0.1:$last_port/v1" "$OUT/expected.txt"

export KEY_A1=key-a1 KEY_A2=key-a2 KEY_B1=key-b1
start_serve serve eco2.limits.toml '[pipelines]
files = ["pipelines/scan.toml"]
[[account]]
id = "a"
requests_per_minute = '"$RPM"'
[[account]]
id = "b"
requests_per_minute = '"$RPM"'
[[plugin]]
id = "openai"
keys = [
    { id = "a1", env = "KEY_A1", account = "a" },
    { id = "a2", env = "KEY_A2", account = "a" },
    { id = "b1", env = "KEY_B1", account = "b" },
]
[plugin.config]
base_url = "http://127.0.0.1:'"$fake_port"'/v1"
[[plugin]]
id = "rules_sqlite"
[plugin.config]
database = "${data_dir}/rules.db"
seed_directory = "${config_dir}/data/rules"
[[plugin]]
id = "reward_character"
[plugin.config]
catalogue = "${config_dir}/data/characters.json"
enabled = true
[[route]]
match = "*"
targets = [{ provider = "openai" }]
[route.policy]
total_ms = 300_000
queue_max = 5_000
queue_wait_max_ms = 200_000'
serve_port=$last_port serve_pid=$last_pid

failures=0
"$BIN_DIR/eco2_proxy_load" --name limits --json "$OUT/limits.json" --expect "$OUT/expected.txt" --model "$MODEL" --kind mixed --allow-errors \
    --connections "$CONNECTIONS" --warmup 0 --duration "$((MINUTES * 60))" --limit 240 \
    --target "eco2=http://127.0.0.1:$serve_port/v1/chat/completions@$serve_pid" || failures=$((failures + 1))
curl -fsS "http://127.0.0.1:$fake_port/fake/bill" >"$OUT/bill.json"

python3 - "$OUT" "$RPM" "$MINUTES" <<'PY' || failures=$((failures + 1))
import json, sys
out, rpm, minutes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
requests = sorted(json.load(open(out + "/bill.json"))["requests"], key=lambda r: r["at_ms"])
first = requests[0]["at_ms"]
inside = [r for r in requests if r["at_ms"] < first + minutes * 60_000]
taken = sum(r["status"] == 200 for r in inside)
refused = sum(r["status"] == 429 for r in inside)
allowed = 2 * rpm * minutes
target = json.load(open(out + "/limits.json"))["targets"][0]
clients = sum(n for error, n in target["clean_errors"].items() if "429" in error)
by_minute = [sum(r["status"] == 200 and (r["at_ms"] - first) // 60_000 == m for r in inside) for m in range(minutes)]
share, refusals = 100 * taken / allowed, 100 * max(refused, clients) / max(1, taken + refused)
print(f"taken {taken} of {allowed} that the limits allow in {minutes} minutes, by minute {by_minute}; by key "
      + ", ".join(f"{k} {sum(r['key'].endswith(k) and r['status'] == 200 for r in inside)}" for k in ("key-a1", "key-a2", "key-b1")))
print("| judged | value | bound | |\n|---|---|---|---|")
print(f"| throughput, of what the limits allow | {share:.1f} % | 97 % | {'held' if share >= 97 else 'MISSED'} |")
print(f"| 429s: {refused} at the provider, {clients} at clients | {refusals:.2f} % | 0.1 % | {'held' if refusals <= 0.1 else 'MISSED'} |")
sys.exit(0 if share >= 97 and refusals <= 0.1 else 1)
PY
[ "$failures" -eq 0 ] || { echo "the limits were not used as they should be" >&2; exit 1; }
