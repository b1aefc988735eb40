#!/usr/bin/env python3
"""Small truths about the tree: READMEs are there, links resolve, errors are used, words that may not stand. One line a breach."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked():
    out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    names = [name for name in out.split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def readmes(_):
    folders = [ROOT / top for top in ("core", "plugins", "sdk", "config", "batch", "tests", "deploy")]
    folders += [path for path in (ROOT / "core").iterdir() if path.is_dir() and path.name != "decisions"]
    folders += [path for path in (ROOT / "plugins").iterdir() if path.is_dir()]
    for folder in folders:
        if folder == ROOT / "core":
            if not (folder / "ARCHITECTURE.md").is_file():
                yield "core/ARCHITECTURE.md is missing"
        elif not (folder / "README.md").is_file():
            yield f"{folder.relative_to(ROOT)} has no README.md"


def links(files):
    for file in files:
        if file.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not target.startswith("mailto:") and not (file.parent / target).exists():
                yield f"{file.relative_to(ROOT)}: the link {target} leads nowhere"


def errors_used(files):
    names = re.findall(r"^ECO2_ERROR\((\w+),", (ROOT / "core/base/errors.def").read_text(encoding="utf-8"), re.M)
    text = "".join(f.read_text(encoding="utf-8") for f in files if f.suffix in (".cpp", ".hpp") and "core" in f.parts)
    for name in names:
        if not re.search(rf"Errc::{name}\b", text):
            yield f"core/base/errors.def: {name} is used nowhere"


def words(files):
    rules = [
        (r"\bsleep_for\b|\bsleep_until\b", ("core/", "plugins/", "sdk/include/eco2/plugin/"), "waits belong to timers"),
        (r"\busing namespace (?!std::[a-z_:]*literals)", ("core/", "plugins/", "sdk/include/"), "names are written out"),
        (r"\bstd::cout\b|\bstd::cerr\b", ("core/", "plugins/", "sdk/include/eco2/plugin/"), "the log is the place for text"),
        (r"sk-[A-Za-z0-9]{32,}", ("",), "this looks like a key"),
        (r"\bTODO\b|\bFIXME\b|\bXXX\b", ("core/", "plugins/", "sdk/", "deploy/", "config/"), "unfinished"),
    ]
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        if file.suffix not in (".cpp", ".hpp", ".h", ".c", ".sh", ".toml", ".cmake"):
            continue
        text = file.read_text(encoding="utf-8")
        for pattern, places, why in rules:
            if any(name.startswith(place) for place in places) and re.search(pattern, text):
                yield f"{name}: {pattern}: {why}"


def main():
    files = tracked()
    if not files:
        print("skipped: not a git checkout")
        return 0
    found = [breach for check in (readmes, links, errors_used, words) for breach in check(files)]
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
