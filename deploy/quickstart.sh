#!/usr/bin/env bash
# From a fresh Debian 12 to a real photo going through the scan pipeline: installs packages, builds, runs.
#
#   deploy/quickstart.sh [PHOTO]
#
# With OPENAI_API_KEY set the photo goes to OpenAI. Without it the pipeline runs against `eco2 fake-provider`: every part is real
# but the model, whose answers are made up.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
cd "$root"
photo=${1:-tests/support/photos/pet_bottle.jpg}
[ -r "$photo" ] || { echo "quickstart: cannot read $photo" >&2; exit 2; }

echo "== packages"
deploy/packages.sh build
echo "== build (10 minutes on two cores when nothing is cached)"
cmake --preset release -DBUILD_TESTING=OFF >build-configure.log 2>&1 || { cat build-configure.log >&2; exit 1; }
rm -f build-configure.log
cmake --build --preset release

bin=build/release/bin/eco2
scratch=$(mktemp -d)
fake_pid=
trap '[ -z "$fake_pid" ] || kill "$fake_pid" 2>/dev/null; rm -rf "$scratch"' EXIT

if [ -z "${OPENAI_API_KEY:-}" ] && [ -z "${OPENAI_BASE_URL:-}" ]; then
    "$bin" fake-provider --listen 127.0.0.1:0 >"$scratch/fake.log" &
    fake_pid=$!
    for _ in $(seq 100); do
        address=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$scratch/fake.log" | head -1) && [ -n "$address" ] && break
        kill -0 "$fake_pid" 2>/dev/null || { cat "$scratch/fake.log" >&2; exit 1; }
        sleep 0.05
    done
    export OPENAI_BASE_URL=$address/v1
    echo
    echo "== NOTE: no OPENAI_API_KEY is set. The photo goes through the real pipeline, but the model is eco2's own fake provider"
    echo "==       over HTTP ($address): the class it names and what it answers are MADE UP. Rule and reward follow from that class."
fi

echo
echo "== $bin scan $photo"
"$bin" scan "$photo" --data "$scratch/data"
echo
echo "== next: $bin serve --data ./data    and    curl -N -d '{\"image_url\":\"https://...\"}' \\"
echo "         http://127.0.0.1:8080/api/v1/scan/classify/completion      (README.md goes on from here)"
