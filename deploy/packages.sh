#!/usr/bin/env bash
# Installs Debian packages: `deploy/packages.sh build` what building and running needs, `deploy/packages.sh test` also what tests need.
# Does nothing, and needs no network, where all are there.
set -euo pipefail

build_packages=(g++ cmake ninja-build ccache pkg-config git ca-certificates
    libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libspdlog-dev libtomlplusplus-dev libcli11-dev
    libjwt-dev libpoco-dev libsqlite3-dev prometheus-cpp-dev libvips-dev rapidjson-dev)
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev clang-16 clang-format-14 chromium curl file nginx-light python3)

# The official OpenAI SDK runs in a test. A Node of another source is as good: Debian's npm would replace it.
command -v npm >/dev/null || test_packages+=(nodejs npm)

case "${1:-}" in
    build) wanted=("${build_packages[@]}") ;;
    test) wanted=("${build_packages[@]}" "${test_packages[@]}") ;;
    *) echo "usage: $0 build|test" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

. /etc/os-release
[ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ] || echo "note: made for Debian 12; this is ${PRETTY_NAME:-another system}" >&2
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "run as root, or install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >/dev/null
