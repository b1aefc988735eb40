#!/usr/bin/env bash
# All C and C++ of ours is as .clang-format says.
set -euo pipefail
cd "$(dirname "$0")/../.."
git ls-files -z '*.hpp' '*.cpp' '*.h' '*.c' | xargs -0 clang-format-14 --dry-run --Werror
