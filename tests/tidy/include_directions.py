#!/usr/bin/env python3
"""The walls of the house: who may include whom, and which library stands behind which file. Exits 1 with one line a breach."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# core/<folder>: the core folders that it may include besides itself
CORE = {
    "base": [],
    "model": ["base"],
    "protocol": ["base", "model"],
    "pipeline": ["base", "model", "protocol"],
    "runs": ["base", "model", "protocol", "pipeline"],
    "routing": ["base", "model", "protocol"],
    "plugin_host": ["base", "model"],
    "net": ["base", "model", "protocol"],
    "intake": ["base", "model"],
    "store": ["base", "model"],
    "observe": ["base"],
    "config": ["base", "model"],
    "fake_provider": ["base", "net", "protocol"],
}
CORE["runtime"] = [name for name in CORE if name != "fake_provider"]
CORE["app"] = CORE["runtime"] + ["fake_provider", "runtime"]

# include prefix of the SDK: who may use it
SDK = {
    "eco2/abi/": ["sdk", "plugins", "core/plugin_host"],
    "eco2/plugin/": ["sdk", "plugins"],
    "eco2/testing/": ["sdk", "tests"],
    "eco2/wire/": ["sdk", "plugins", "core/protocol", "tests"],
}

# library: regular expression of its includes, and the only places (prefixes of paths) that may have them
LIBRARIES = {
    "Beast": (r"boost/beast", ["core/net/"]),
    "Asio": (r"boost/asio", ["core/net/", "tests/"]),
    "Boost.DLL": (r"boost/dll", ["core/plugin_host/loaded_library.cpp"]),
    "Poco": (r"Poco/", ["core/store/", "batch/", "plugins/rules_sqlite/", "tests/unit/batch/wire/", "tests/unit/store/", "tests/unit/plugins/rules_sqlite/"]),
    "toml++": (r"toml\+\+|toml\.hpp|toml\+\+/", ["core/config/", "core/plugin_host/manifest.cpp"]),
    "spdlog": (r"spdlog/", ["core/observe/"]),
    "prometheus-cpp": (r"prometheus/", ["core/observe/"]),
    "OpenSSL": (r"openssl/", ["core/net/", "core/base/hash.cpp", "tests/unit/net/"]),
    "libjwt": (r"jwt\.h", ["core/app/jwt_verifier.cpp", "tests/unit/app/jwt_verifier_test.cpp"]),
    "libvips": (r"vips/", ["core/intake/", "tests/unit/intake/", "tests/bench/photo_cost.cpp"]),
    "RapidJSON": (r"rapidjson/", ["core/base/json_schema.cpp"]),
    "CLI11": (r"CLI/", ["core/app/main.cpp", "core/app/command_line", "tests/bench/"]),
    "Boost.JSON in the SDK": (r"boost/json", ["core/", "batch/", "plugins/", "tests/", "sdk/include/eco2/plugin/json.hpp"]),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def sources():
    for top in ("sdk", "core", "plugins", "batch", "tests"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".h", ".hpp", ".c", ".cpp"):
                yield path.relative_to(ROOT)


def breaches(path, include):
    name = path.as_posix()
    top = path.parts[0]
    first = include.split("/")[0]
    if top == "core" and first in CORE and first != path.parts[1] and first not in CORE[path.parts[1]]:
        yield f"core/{path.parts[1]} may not include core/{first}"
    if first == "batch" and top in ("sdk", "plugins", "core") and not name.startswith("core/app/"):
        yield f"{name} may not include batch"
    if top == "batch" and first in ("app", "fake_provider"):
        yield f"batch may not include core/{first}"
    if top in ("sdk", "plugins") and first in CORE and not (ROOT / path.parent / include).exists() and first != "model":
        yield f"{top} may not include core"
    for prefix, users in SDK.items():
        if include.startswith(prefix) and not any(name.startswith(user + "/") for user in users) and top != "tests":
            yield f"{include} is not for {name}"
    for library, (pattern, places) in LIBRARIES.items():
        if re.match(pattern, include) and not any(name.startswith(place) for place in places):
            yield f"{library} is walled off from here"


def main():
    found = 0
    count = 0
    for path in sources():
        count += 1
        for include in INCLUDE.findall((ROOT / path).read_text(encoding="utf-8")):
            for breach in breaches(path, include):
                print(f"{path}: #include {include}: {breach}")
                found += 1
    if count < 100:
        print(f"only {count} sources were found: the test looks in the wrong place")
        return 1
    return 1 if found else 0


sys.exit(main())
