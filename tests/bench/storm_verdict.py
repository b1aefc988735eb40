"""Judges a storm: reads storm.json, ledger.jsonl and the two bills in a folder, prints a table, ends with 1 where a bound is missed.

usage: storm_verdict.py FOLDER SLOPE_KIB_PER_MINUTE_MAX ESTIMATE_PERCENT_MAX
"""
import json
import sys


def billed(path):
    """Tokens in and out, whose usage the provider told and whose it did not."""
    total = json.load(open(path))["total"]
    told = [total["told_in"], total["told_out"]]
    return {"told": told, "untold": [total["tokens_in"] - told[0], total["tokens_out"] - told[1]]}


def booked(path, provider):
    for line in open(path):
        row = json.loads(line)
        if row["provider"] == provider:
            estimated = row["estimated"]["input_tokens"], row["estimated"]["output_tokens"]
            return {
                "told": [row["input_tokens"] - estimated[0], row["output_tokens"] - estimated[1]],
                "untold": list(estimated),
                "attempts": row["attempts"],
            }
    return {"told": [0, 0], "untold": [0, 0], "attempts": 0}


def main():
    folder, slope_max, estimate_max = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    missed = []

    def judge(what, value, bound, good):
        print(f"| {what} | {value} | {bound} | {'held' if good else 'MISSED'} |")
        if not good:
            missed.append(what)

    target = json.load(open(f"{folder}/storm.json"))["targets"][0]
    counts, middle = target["counts"], target["median"]
    errors = ", ".join(f"{n}× {e}" for e, n in sorted(target["clean_errors"].items(), key=lambda item: -item[1])[:8])
    print(f"{counts['started']} calls, {counts['good']} good, {counts['clean_error']} errors that say so ({errors})\n")
    print("| what | value | bound | |\n|---|---|---|---|")
    judge("calls that did not end in time", counts["late"], 0, counts["late"] == 0)
    judge("wrong answers that pass as whole", counts["wrong"], 0, counts["wrong"] == 0)
    judge("answers that end without a word", counts["broken"], 0, counts["broken"] == 0)
    slope = middle["rss_slope_kib_per_minute"]
    judge("memory, KiB a minute", f"{slope:+.0f}", f"{slope_max:.0f}", slope <= slope_max)
    for provider in ("primary", "fallback"):
        bill, ledger = billed(f"{folder}/{provider}.bill.json"), booked(f"{folder}/ledger.jsonl", provider)
        for place, direction in enumerate(("in", "out")):
            told, own = bill["told"][place], ledger["told"][place]
            judge(f"{provider}: reported tokens {direction}, ledger beside bill", f"{own} beside {told}", "equal", own == told)
            untold, own = bill["untold"][place], ledger["untold"][place]
            share = 100 * abs(own - untold) / max(1, bill["told"][place] + untold)
            judge(f"{provider}: estimated tokens {direction}", f"{own} beside {untold}: {share:.1f} % of all", f"{estimate_max:.0f} %",
                  share <= estimate_max)
    for fault in target["faults"]:
        print(f"\n    {fault}")
    return 1 if missed else 0


sys.exit(main())
