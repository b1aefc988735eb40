#!/usr/bin/env bash
# Every header compiles alone: tests/tidy/headers.sh CXX
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Objects that nobody needs: ccache keeps those alone, and a header that was not changed then costs next to nothing.
export cxx="$(command -v ccache || true) $1" work CCACHE_BASEDIR=/
check() {
    local name=${1//[:\/]/_}
    printf '#include "%s"\n' "${1#*:}" >"$work/$name.cpp"
    (cd "$work" && $cxx -std=c++20 -O0 -I"$OLDPWD/core" -I"$OLDPWD/sdk/include" -I"$OLDPWD" -I"$OLDPWD/${1%%:*}" -c "$name.cpp" -o "$name.o") ||
        { echo "$1 does not compile alone"; return 1; }
}
export -f check
# A header that its own source includes before anything else has been compiled alone with it.
of_folder() {
    local header
    while read -r header; do
        local name=${header#"$1"/} source=${header%.hpp}.cpp
        [ -f "$source" ] && [ "$(grep -m1 '^#include' "$source")" = "#include \"$name\"" ] || echo "$1:$name"
    done < <(git ls-files "$2/*.hpp")
}
{
    of_folder core core
    of_folder . batch
    git ls-files 'sdk/include/*.h' 'sdk/include/*.hpp' | sed 's#^sdk/include/#sdk/include:#'
} | xargs -P "$(nproc)" -I{} bash -c 'check {}'
