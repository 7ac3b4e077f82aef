#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster's figures in one table: figures.py BIN_FOLDER [RUNS]

Each line is what one command of chw-bench or chw-bench-broker says, beside its condition. Wants a
release build and an idle machine. Of another store: chw-bench --store URL --watch redis=PID."""
import json
import os
import statistics
import subprocess
import sys

LEASE_MS = 10000  # of chw-broker


def run(program, *options):
    command = [os.path.join(sys.argv[1], program), *map(str, options), "--runs", RUNS,
               "--format", "json"]
    print("$", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def line(what, value, condition, met=None):
    verdict = "-" if met is None else "met" if met else "NOT MET"
    print("%-62s %-32s %-18s %s" % (what, value, condition, verdict), flush=True)


def spread(stats, form="%.2f"):
    return " ".join([form, "(" + form + "-" + form + ")"]) % (
        stats["median"], stats["min"], stats["max"])


def outside(name, *options):
    report = run("chw-bench", "--scenario", "offline", "--batch", 4096, *options)
    if report is None:
        return
    alone = report["alone"]
    everyone = {entry["process"]: entry["us"] for entry in report["cpu_us_per_record"]}
    rest = (sum(everyone.values()) - alone["kernel_us_per_record"]
            - alone["compare_us_per_record"])
    line("CPU outside the kernel, us/record, " + name, "%.3f" % rest, "<= 0.2", rest <= .2)
    for process, us in everyone.items():
        line("    " + process, "%.3f" % us, "")
    line("    of the workers': parse, bind, tiers, pack",
         "%.3f" % (alone["worker_us_per_record"] - alone["kernel_us_per_record"]), "")


def trees():
    report = run("chw-bench", "--scenario", "offline", "--batch", 4096, "--estimator", "boosting",
                 "--trees", 500, "--depth", 6)
    if report:
        share = report["records_per_s"]["median"] / report["alone"]["kernel_records_per_s"]
        line("whole path / kernel on two threads, 500 trees of depth 6", "%.0f %%, %.0f/s" % (
            100 * share, report["records_per_s"]["median"]), ">= 55 %", share >= .55)


def singles():
    for name, options in ("counted", ()), ("what-if", ("--what-if",)):
        report = run("chw-bench", "--scenario", "offline", "--batch", 1, "--window", 1024,
                     "--records", 100000, *options)
        if report:
            rate = report["records_per_s"]
            line("single records pipelined, records/s, " + name, spread(rate, "%.0f"),
                 ">= 60,000", rate["median"] >= 60000)
        report = run("chw-bench", "--scenario", "single-stream", "--seconds", 1, *options)
        if report:
            line("a single record, one outstanding, p50 us, " + name, "%.0f" % statistics.median(
                1000 * each["p50_ms"] for each in report["runs"]), "")


def killed():
    # A full window, so that the worker holds some; the event is at half of --seconds.
    report = run("chw-bench", "--scenario", "offline", "--disturb", "kill", "--batch", 4096,
                 "--seconds", 1)
    if report:
        most = max(each["recovery_ms"] for each in report["runs"])
        line("worker killed: its batches answered after, ms at most", "%.0f" % most,
             "<= lease + 100", most <= LEASE_MS + 100)


def broker():
    report = run("chw-bench-broker", "--measure", "all")
    for row in report["rows"] if report else ():
        if "ratio" in row:
            line("%s, %d bytes, beside %s" % (row["measure"], row["size"], row["subject"]),
                 spread(row["ratio"]),
                 "<= %g" % row["condition"] if row["condition"] else "",
                 row["ratio"]["median"] <= row["condition"] if row["condition"] else None)
        else:
            line("%s, %d bytes, chw-broker" % (row["measure"], row["size"]),
                 spread(row["figure"]), "")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    RUNS = sys.argv[2] if len(sys.argv) == 3 else "7"
    outside("SQLite", "--records", 4000000)
    trees()
    singles()
    killed()
    broker()
