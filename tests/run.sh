#!/usr/bin/env bash
# Installs what the tests need, builds, runs them all.
#
#   tests/run.sh           everything short: all tests in release, the fast ones under ASan+UBSan, the threaded ones under TSan,
#                          a look by clang 16; about 40 minutes cold on two cores, a few with a warm compiler cache
#   tests/run.sh --full    also storms, kill matrices and soaks (label `full`), and the load figures
set -euo pipefail
. "$(dirname "$0")/../deploy/environment.sh"
cd "$root"
full=no
case "${1:-}" in
    "") ;;
    --full) full=yes ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
configure() { cmake --preset "$@" >"build-$1.log" 2>&1 || { cat "build-$1.log" >&2; exit 1; }; rm -f "build-$1.log"; }

step "packages"
deploy/packages.sh test

step "release: build"
configure release -DBUILD_TESTING=ON
cmake --build --preset release
step "release: tests"
labels=(-LE full)
[ $full = yes ] && labels=()
ctest --preset release -j2 --no-tests=error "${labels[@]}"

step "AddressSanitizer and UndefinedBehaviorSanitizer: build"
configure asan
cmake --build --preset asan --target eco2_tests_fast
step "AddressSanitizer and UndefinedBehaviorSanitizer: fast tests"
ctest --preset asan -j2 --no-tests=error -L fast

step "ThreadSanitizer: build"
configure tsan
cmake --build --preset tsan --target eco2_tests_threads
step "ThreadSanitizer: threaded tests"
ctest --preset tsan -j2 --no-tests=error -L threads

step "clang 16: syntax and warnings"
configure clang
tests/tidy/clang_syntax.py build/clang

if [ $full = yes ]; then
    step "load figures"
    tests/bench/run_load.sh
    step "a storm of faults"
    tests/bench/fault_storm.sh
    step "limits"
    tests/bench/rate_limits.sh
    step "batch jobs by their items"
    tests/bench/batch_items.py build/release
fi
step "all passed"
