#!/usr/bin/env bash
# clang-tidy on some files: tests/tidy/clang_tidy.sh FILE.cpp ...   (without files: on what differs from the last commit)
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -f build/clang/compile_commands.json ] || cmake --preset clang >/dev/null
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git diff --name-only HEAD -- '*.cpp')
[ ${#files[@]} -eq 0 ] || clang-tidy-14 -p build/clang --quiet "${files[@]}"
