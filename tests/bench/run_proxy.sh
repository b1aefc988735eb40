#!/usr/bin/env bash
# eco2 (two I/O threads, config/examples/failover.toml) beside nginx (two workers, plain proxy_pass) and beside no proxy at all, in front
# of one fake provider: rounds of all three in turn, plain calls and streams of 100 chunks. Prints a Markdown table, and what is judged.
# Exit code 1: an answer was not what it must be, or a bound was missed. See README.md for what the columns mean.
#
#   ROUNDS=5 DURATION=6 WARMUP=1 CONNECTIONS=16 PLAIN_RATE=200 STREAM_RATE=15 GAP_MS=10 BIN_DIR=… OUT=… tests/bench/run_proxy.sh
set -euo pipefail

OUT=${OUT:-$(cd "$(dirname "$0")/../.." && pwd)/build/proxy}
NGINX=${NGINX:-$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null || true)}
[ -n "$NGINX" ] || { echo "nginx is missing; install the package nginx-light (deploy/packages.sh test)" >&2; exit 2; }
. "$(dirname "$0")/proxy_common.sh"
ROUNDS=${ROUNDS:-5}
DURATION=${DURATION:-6}
WARMUP=${WARMUP:-1}
CONNECTIONS=${CONNECTIONS:-16}
PLAIN_RATE=${PLAIN_RATE:-200}
STREAM_RATE=${STREAM_RATE:-15}
CHUNKS=100
GAP_MS=${GAP_MS:-10}

# One word a chunk.
text=$(for i in $(seq $CHUNKS); do printf 'word%03d ' "$i"; done)
text=${text% }

start_nginx() { # provider-port
    local prefix=$scratch/nginx user=
    mkdir -p "$prefix/tmp"
    [ "$(id -u)" -ne 0 ] || user="user root;" # the workers must get at the temporary folder
    last_port=$(free_port)
    cat >"$prefix/nginx.conf" <<CONF
$user
worker_processes 2;
daemon off;
pid $prefix/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
    access_log off;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_temp_path $prefix/tmp/body;
    proxy_temp_path $prefix/tmp/proxy;
    fastcgi_temp_path $prefix/tmp/fastcgi;
    uwsgi_temp_path $prefix/tmp/uwsgi;
    scgi_temp_path $prefix/tmp/scgi;
    upstream provider {
        server 127.0.0.1:$1;
        keepalive 512;
        keepalive_requests 1000000000;
    }
    server {
        listen 127.0.0.1:$last_port backlog=4096;
        location / {
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
        }
    }
}
CONF
    "$NGINX" -p "$prefix" -c "$prefix/nginx.conf" >"$OUT/nginx.log" 2>&1 &
    last_pid=$!
    started+=("$last_pid")
    wait_for "http://127.0.0.1:$last_port/health" "$OUT/nginx.log"
}

start_fake fake
fake_pid=$last_pid fake_port=$last_port
fake_control "$fake_port" '{"answers":{"text":"'"$text"'"},"latency":{"answer_ms":5,"first_token_ms":5,"pacing_ms":'"$GAP_MS"'}}'
printf '%s' "$text" >"$OUT/expected.txt"
start_nginx "$fake_port"
nginx_pid=$last_pid nginx_port=$last_port
export PRIMARY_BASE_URL=http://127.0.0.1:$fake_port/v1 FALLBACK_BASE_URL=http://127.0.0.1:$fake_port/v1 FALLBACK_MODEL=fallback-model
start_serve serve examples/failover.toml $'[server]\nio_threads = 2'
serve_pid=$last_pid serve_port=$last_port

failures=0
measure() { # name, then options of eco2_proxy_load
    local name=$1 path=/v1/chat/completions
    shift
    "$BIN_DIR/eco2_proxy_load" --name "$name" --json "$OUT/$name.json" --expect "$OUT/expected.txt" --model "$MODEL" --rounds "$ROUNDS" \
        --warmup "$WARMUP" --duration "$DURATION" --limit 30 \
        --target "direct=http://127.0.0.1:$fake_port$path@$fake_pid" --target "nginx=http://127.0.0.1:$nginx_port$path@$nginx_pid" \
        --target "eco2=http://127.0.0.1:$serve_port$path@$serve_pid" "$@" || failures=$((failures + 1))
}

measure stream --kind stream --rate "$STREAM_RATE" --connections 1000
measure plain --kind plain --rate "$PLAIN_RATE" --connections 1000
fake_control "$fake_port" '{"latency":{"answer_ms":0}}'
measure saturated --kind plain --connections "$CONNECTIONS"

python3 - "$OUT" "$ROUNDS" "$DURATION" "$GAP_MS" <<'PY' | tee "$OUT/table.md"
import json, os, sys
out, rounds, duration, gap = sys.argv[1:]
print(f"Medians of {rounds} interleaved rounds of {duration} s each. Plain HTTP on loopback, {os.cpu_count()} cores shared by provider, "
      f"proxies and load runner; {gap} ms between chunks. CPU and memory of *direct* are the provider's own.\n")
print("| run | target | answers/s | bad | first content p50/p99 ms | gap p50/p99/max ms | total p50/p99 ms | added first p50/p99 ms "
      "| added gap p99 ms | CPU s/1,000 | RSS MiB |")
print("|---" * 11 + "|")
reports = {}
for run in ("plain", "saturated", "stream"):
    report = json.load(open(f"{out}/{run}.json"))
    reports[run] = {t["name"]: t for t in report["targets"]}
    for t in report["targets"]:
        m, a, c = t["median"], t["added"], t["counts"]
        bad = c["bad"] + c["clean_error"] + c["not_started"]
        streams = run == "stream"
        gaps = f"{m['gap_p50_ms']:.2f}/{m['gap_p99_ms']:.2f}/{m['gap_max_ms']:.1f}" if streams else "-"
        print(f"| {run} | {t['name']} | {m['per_second']:.1f} | {bad} | {m['first_p50_ms']:.2f}/{m['first_p99_ms']:.2f} | {gaps} "
              f"| {m['total_p50_ms']:.2f}/{m['total_p99_ms']:.2f} | {a['first_p50_ms']:+.2f}/{a['first_p99_ms']:+.2f} "
              f"| {format(a['gap_p99_ms'], '+.2f') if streams else '-'} | {m['cpu_seconds_per_1000']:.3f} | {m['rss_kib'] / 1024:.0f} |")

def median(run, target, field):
    return reports[run][target]["median"][field]

missed = 0
print("\n| judged, eco2 beside nginx | value | bound | |\n|---|---|---|---|")
for what, run, field, bound, kind in (
        ("CPU per plain request, saturated", "saturated", "cpu_seconds_per_1000", 2.5, "ratio"),
        ("CPU per plain request, at a steady rate", "plain", "cpu_seconds_per_1000", 2.5, "ratio"),
        ("CPU per 100-chunk stream", "stream", "cpu_seconds_per_1000", 2.0, "ratio"),
        ("first content p50", "stream", "first_p50_ms", 2.0, "ms"),
        ("first content p99", "stream", "first_p99_ms", 2.0, "ms"),
        ("inter-chunk gap p99", "stream", "gap_p99_ms", 2.0, "ms")):
    eco2, nginx = median(run, "eco2", field), median(run, "nginx", field)
    value = (eco2 / nginx if nginx else float("inf")) if kind == "ratio" else eco2 - nginx
    good = value <= bound
    missed += not good
    print(f"| {what} | {value:.2f}{'×' if kind == 'ratio' else ' ms more'} | {bound}{'×' if kind == 'ratio' else ' ms'} "
          f"| {'held' if good else 'MISSED'} |")
open(f"{out}/missed", "w").write(str(missed))
PY
[ "$failures" -eq 0 ] || { echo "$failures runs had answers that are not what they must be" >&2; exit 1; }
[ "$(cat "$OUT/missed")" = 0 ] || { echo "a bound was missed" >&2; exit 1; }
