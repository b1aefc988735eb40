#!/usr/bin/env bash
# Every header compiles alone: tests/tidy/headers.sh CXX
set -euo pipefail
cd "$(dirname "$0")/../.."
cxx=$1
export cxx
check() { printf '#include "%s"\n' "${1#*:}" | $cxx -std=c++20 -Icore -Isdk/include -I"${1%%:*}" -x c++ -fsyntax-only - || { echo "$1 does not compile alone"; return 1; }; }
export -f check
{ git ls-files 'core/*.hpp' | sed 's#^core/#core:#'; git ls-files 'sdk/include/*.h' 'sdk/include/*.hpp' | sed 's#^sdk/include/#sdk/include:#'; } |
    xargs -P "$(nproc)" -I{} bash -c 'check {}'
