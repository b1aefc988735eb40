#!/usr/bin/env bash
# A storm: a primary with all faults mixed and a fallback with a few, USERS users who ask streamed and whole, for DURATION seconds.
# Checked: every call ends within its deadline; what passes as whole is the whole answer; memory does not grow; the ledger agrees with
# what the two providers say they billed. Exit code 1 where one of these does not hold.
#
#   USERS=200 DURATION=300 WARMUP=60 BIN_DIR=… OUT=… tests/bench/fault_storm.sh
set -euo pipefail

OUT=${OUT:-$(cd "$(dirname "$0")/../.." && pwd)/build/storm}
. "$(dirname "$0")/proxy_common.sh"
USERS=${USERS:-200}
DURATION=${DURATION:-300}
WARMUP=${WARMUP:-60}             # pools, caches and the allocator reach their size; what grows after it is a leak
LIMIT=${LIMIT:-130}              # the route's 120 s and some for a busy machine
SLOPE_MAX=${SLOPE_MAX:-256}      # KiB a minute: 1,000 leaked bytes a call would be 2,000 and more
ESTIMATE_MAX=${ESTIMATE_MAX:-25} # percent by which estimated tokens may miss the bill's, of all tokens of that direction
SEED=${SEED:-7}

# Left out: answers that are whole and honest about being different (refusal, content_filter), and a quota that is spent, which would end
# the storm. content-filter is the policy's: it must come back as an error.
PRIMARY_MIX='{"429":0.03,"429-hint":0.03,"500":0.04,"503":0.03,"reset_before_head":0.03,"reset_after_head":0.02,"silence":0.01,
    "slow-first-token":0.02,"cut":0.05,"stall":0.01,"malformed-chunk":0.03,"no-done":0.03,"context-length":0.03,"content-filter":0.02,
    "no_finish":0.02,"error_in_stream":0.02,"garbage_body":0.02,"garbage_head":0.01,"html_error":0.02,"seed":'$SEED'}'
FALLBACK_MIX='{"503":0.02,"cut":0.02,"500":0.02,"reset_before_head":0.01,"no-prefill":0.2,"seed":'$((SEED + 1))'}'
echo "seed $SEED"

start_fake primary --answer-ms 300
primary_port=$last_port
start_fake fallback --answer-ms 300
fallback_port=$last_port
keep_expected_text "http://127.0.0.1:$fallback_port/v1" "$OUT/expected.txt"
for port in "$primary_port" "$fallback_port"; do
    curl -fsS -o /dev/null -X POST "http://127.0.0.1:$port/fake/reset" # the question for the expected text stands in no ledger
done
fake_control "$primary_port" '{"latency":{"pacing_ms":5,"jitter_percent":30},"mix":'"$PRIMARY_MIX"'}'
fake_control "$fallback_port" '{"latency":{"pacing_ms":5,"jitter_percent":30},"mix":'"$FALLBACK_MIX"'}'

export PRIMARY_BASE_URL=http://127.0.0.1:$primary_port/v1 FALLBACK_BASE_URL=http://127.0.0.1:$fallback_port/v1
export FALLBACK_MODEL=fallback-model
start_serve serve examples/failover.toml ""
serve_pid=$last_pid serve_port=$last_port

failures=0
"$BIN_DIR/eco2_proxy_load" --name storm --json "$OUT/storm.json" --expect "$OUT/expected.txt" --model "$MODEL" --kind mixed --allow-errors \
    --connections "$USERS" --warmup "$WARMUP" --duration "$DURATION" --limit "$LIMIT" \
    --target "eco2=http://127.0.0.1:$serve_port/v1/chat/completions@$serve_pid" || failures=$((failures + 1))

# The ledger is whole once the host has ended; the bill once the providers have seen every connection close.
kill -TERM "$serve_pid"
wait "$serve_pid" || { echo "the host ended with code $?; see $OUT/serve.log" >&2; failures=$((failures + 1)); }
sleep 1
"$BIN_DIR/eco2" ledger --config "$scratch/share/examples/failover.toml" --data "$scratch/data" --by provider --json >"$OUT/ledger.jsonl"
curl -fsS "http://127.0.0.1:$primary_port/fake/bill?requests=0" >"$OUT/primary.bill.json"
curl -fsS "http://127.0.0.1:$fallback_port/fake/bill?requests=0" >"$OUT/fallback.bill.json"

python3 "$bench_here/storm_verdict.py" "$OUT" "$SLOPE_MAX" "$ESTIMATE_MAX" | tee "$OUT/table.md" || failures=$((failures + 1))
[ "$failures" -eq 0 ] || { echo "the storm was not weathered" >&2; exit 1; }
