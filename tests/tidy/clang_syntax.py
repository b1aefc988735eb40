#!/usr/bin/env python3
"""Has clang read every source of ours with our warnings as errors, without making code: a second opinion.

    tests/tidy/clang_syntax.py BUILD_DIR     (configured with the clang preset)

The big public headers are read once per set of flags (a precompiled header), which halves the time.
"""
import collections
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

STANDARD = """algorithm array atomic charconv chrono condition_variable coroutine cstdint cstring deque exception filesystem fstream
    functional future iostream limits list map memory mutex numeric optional random set span sstream stdexcept string string_view
    thread tuple type_traits unordered_map unordered_set utility variant vector""".split()
# A define that a target gets when it links the library: the library's header.
LIBRARIES = {"BOOST_JSON_DYN_LINK": "boost/json.hpp", "BOOST_ASIO_SEPARATE_COMPILATION": "boost/asio.hpp",
             "GTEST_HAS_PTHREAD": "gtest/gtest.h"}
WORTH_IT = 4  # files of one set of flags; below, reading the headers again is cheaper


def words_of(entry):
    """The compiler's flags without source, output and compiler cache."""
    words = shlex.split(entry["command"])
    if "ccache" in words[0]:
        words = words[1:]
    out = words.index("-o")
    del words[out:out + 2]
    source = words.index("-c")
    del words[source:source + 2]
    return words


def flags_that_matter(words):
    """What decides whether two files can share a precompiled header: not where our headers lie, nor macros of ours."""
    return tuple(word for word in words if not re.match(r"-I|-DECO2_", word))


def run(command, directory):
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    groups = collections.defaultdict(list)
    for entry in entries:
        groups[flags_that_matter(words_of(entry))].append(entry)
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def prepare(number, flags, first):
            header = os.path.join(scratch, f"{number}.hpp")
            with open(header, "w", encoding="utf-8") as file:
                names = STANDARD + [name for define, name in LIBRARIES.items() if any(define in flag for flag in flags)]
                file.writelines(f"#include <{name}>\n" for name in names)
            words = [word for word in words_of(first) if not word.startswith("-DECO2_")]
            code, said = run([*words, "-x", "c++-header", header, "-o", f"{header}.pch"], first["directory"])
            if code != 0:
                raise SystemExit(f"the common headers do not compile:\n{said}")
            return ["-include-pch", f"{header}.pch"]

        def read(entry, prepared):
            return entry["file"], *run([*words_of(entry), *prepared, "-fsyntax-only", entry["file"]], entry["directory"])

        ready = {flags: pool.submit(prepare, number, flags, group[0])
                 for number, (flags, group) in enumerate(groups.items()) if len(group) >= WORTH_IT}
        reads = [pool.submit(read, entry, ready[flags].result() if flags in ready else [])
                 for flags, group in groups.items() for entry in group]
        for done in concurrent.futures.as_completed(reads):
            name, code, said = done.result()
            if code != 0:
                failed += 1
                print(f"{name}:\n{said}", flush=True)
    print(f"clang: {len(entries)} files read, {failed} with complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
