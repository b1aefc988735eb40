#!/usr/bin/env python3
"""How a batch job grows with its items: time, CPU and memory of `eco2 batch run` against the fake provider, and how soon a killed one
goes on.

    tests/bench/batch_items.py [BUILD_DIR] [ITEMS ...]     (default: build/release, 50000 200000 1000000)
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

build = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
counts = [int(word) for word in sys.argv[2:]] or [50_000, 200_000, 1_000_000]
eco2 = build / "bin/eco2"
share = build / "share/eco2"


def write_items(path, count):
    with open(path, "w") as out:
        for i in range(count):
            body = {"model": "gpt-5-mini", "max_completion_tokens": 20, "messages": [{"role": "user", "content": f"Say {i}"}]}
            out.write(json.dumps({"custom_id": f"item-{i}", "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n")


def rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def main():
    folder = Path(tempfile.mkdtemp(prefix="eco2-batch-items-"))
    config = share / f"bench-{os.getpid()}.toml"
    text = (share / "eco2.toml").read_text()
    config.write_text(text.replace("[batch]", "[batch]\npoll_min_ms = 100\npoll_max_ms = 500", 1))
    fake = subprocess.Popen([eco2, "fake-provider", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = next(line.split("=", 1)[1].strip() for line in fake.stdout if "OPENAI_BASE_URL=" in line)
    environment = dict(os.environ, OPENAI_BASE_URL=url, OPENAI_API_KEY="sk-bench")
    try:
        for count in counts:
            items, data, out = folder / "items.jsonl", folder / f"data{count}", folder / f"out{count}"
            write_items(items, count)
            command = [eco2, "batch", "run", items, "--provider", "openai_batch", "--output", out, "--data", data, "--config", config, "--json"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            peak, is_killed, resume_s = 0.0, False, None
            for line in run.stdout:
                told = json.loads(line)
                peak = max(peak, rss_mib(run.pid))
                answered = sum(stage["answered"] for stage in told["stages"])
                if not is_killed and answered >= count // 2 and told["state"] == "open":
                    is_killed = True
                    run.send_signal(signal.SIGKILL)
                    run.wait()
                    again = time.monotonic()
                    run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                    run.stdout.readline()
                    resume_s = time.monotonic() - again
                    for line in run.stdout:
                        told = json.loads(line)
                        peak = max(peak, rss_mib(run.pid))
                    break
            code = run.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.monotonic() - start
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            lines = sum(1 for _ in open(out / "results.jsonl"))
            resumed = "not killed: too quick" if resume_s is None else f"goes on after {resume_s:.2f} s"
            print(f"{count:>9,} items: exit {code}, {lines:,} results, {wall:.0f} s, CPU {cpu / count * 1e3:.2f} ms an item, "
                  f"peak {peak:.0f} MiB, {resumed}", flush=True)
            shutil.rmtree(data)
            shutil.rmtree(out)
    finally:
        fake.kill()
        config.unlink()
        shutil.rmtree(folder)


main()
