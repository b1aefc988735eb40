#!/usr/bin/env bash
# The ABI headers are C11 and C++20 for both compilers, without a byte of implicit padding.
set -euo pipefail
cd "$(dirname "$0")/../.."
for header in sdk/include/eco2/abi/*.h; do
    for compiler in "gcc -x c -std=c11" "g++ -x c++ -std=c++20" "clang-16 -x c -std=c11" "clang++-16 -x c++ -std=c++20"; do
        printf '#include "%s"\n' "${header#sdk/include/}" |
            $compiler -Wall -Wextra -Wpadded -Wpedantic -Werror -Isdk/include -fsyntax-only - ||
            { echo "$header: $compiler"; exit 1; }
    done
done
