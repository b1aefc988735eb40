#!/usr/bin/env bash
# Has clang 16 read every source of ours with our warnings as errors, without making code: a second opinion in a minute or two.
#   tests/tidy/clang_syntax.sh BUILD_DIR     (configured with the clang preset)
set -euo pipefail
build=$1
python3 - "$build/compile_commands.json" <<'PY' | xargs -0 -P "$(nproc)" -I{} bash -c '{}'
import json, shlex, sys
for entry in json.load(open(sys.argv[1])):
    words = shlex.split(entry["command"])
    if "ccache" in words[0]:
        words = words[1:]
    out = words.index("-o")
    del words[out:out + 2]
    words.remove("-c")
    command = "cd %s && %s -fsyntax-only" % (shlex.quote(entry["directory"]), shlex.join(words))
    sys.stdout.write(command + "\0")
PY
echo "clang: $(python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))))' "$build/compile_commands.json") files read"
