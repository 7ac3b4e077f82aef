#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster's figures in one table: figures.py BIN_FOLDER [RUNS]

Each line is what one command of chw-bench or chw-bench-broker says, beside its condition. Wants a
release build and an idle machine, and for the figures of Redis its server, of which it starts one of
its own."""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))
import redis_server  # noqa: E402

LEASE_MS = 10000  # of chw-broker


def run(program, *options, runs=None):
    command = [os.path.join(sys.argv[1], program), *map(str, options), "--runs", runs or RUNS,
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


def outside_redis():
    if redis_server.PROGRAM is None:
        line("CPU outside the kernel, us/record, Redis", "no redis-server here", "<= 0.2")
        return
    for policy in "everysec", "always":
        with tempfile.TemporaryDirectory() as folder, \
                redis_server.RedisServer(folder, "--appendfsync", policy) as redis:
            outside("Redis, appendfsync " + policy, "--records", 4000000, "--store", redis.url,
                    "--watch", "redis=%d" % redis.process.pid)


def of_runs(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def trees():
    """By turns: each cluster's run has the kernel alone before it."""
    reports = [run("chw-bench", "--scenario", "offline", "--batch", 4096, "--estimator", "boosting",
                   "--trees", 500, "--depth", 6, runs="1") for _ in range(int(RUNS))]
    if None in reports:
        return
    rates = [report["records_per_s"]["median"] for report in reports]
    alone = [report["alone"]["kernel_records_per_s"] for report in reports]
    cpu = [sum(entry["us"] for entry in report["cpu_us_per_record"]) for report in reports]
    kernel = [report["alone"]["kernel_us_per_record"] for report in reports]
    share = of_runs([100 * one / other for one, other in zip(rates, alone)])
    line("whole path / kernel on two threads, 500 trees of depth 6, %",
         spread(share, "%.0f"), ">= 55 %", share["median"] >= 55)
    line("    whole path, records/s", spread(of_runs(rates), "%.0f"), "")
    line("    kernel on two threads, records/s", spread(of_runs(alone), "%.0f"), "")
    line("    whole path, CPU us/record", spread(of_runs(cpu), "%.3f"), "")
    line("    kernel, CPU us/record of one thread", spread(of_runs(kernel), "%.3f"), "")


def singles():
    for name, options in ("counted", ()), ("what-if", ("--what-if",)):
        report = run("chw-bench", "--scenario", "offline", "--batch", 1, "--window", 1024,
                     "--records", 100000, *options)
        if report:
            rate = report["records_per_s"]
            line("single records pipelined, records/s, " + name, spread(rate, "%.0f"),
                 ">= 60,000", rate["median"] >= 60000)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alone_us(*options):
    """p50 of a record at a time, its client connected over TCP as the echo's is."""
    report = run("chw-bench", "--scenario", "single-stream", "--seconds", 1, "--listen",
                 "tcp://127.0.0.1:%d" % free_port(), *options, runs="1")
    return 1000 * report["runs"][0]["p50_ms"]


def echo_us():
    report = run("chw-bench-broker", "--measure", "latency", "--seconds", 1, runs="1")
    return next(row["figure"]["median"] for row in report["rows"]
                if row["subject"] == "zmq_proxy, body alone")


def one_at_a_time():
    """By turns: the machine's mood is in both."""
    rounds = [(alone_us("--what-if"), echo_us(), alone_us()) for _ in range(int(RUNS))]
    what_if, echo, counted = map(of_runs, zip(*rounds))
    ratio = of_runs([each[0] / each[1] for each in rounds])
    line("one what-if record, one outstanding, p50 us", spread(what_if, "%.0f"), "")
    line("    echo of 256 bytes through zmq_proxy", spread(echo, "%.0f"), "")
    line("    ratio", spread(ratio), "<= 1.3", ratio["median"] <= 1.3)
    line("    counted", spread(counted, "%.0f"), "")


def killed():
    # A full window, so that the worker holds some.
    report = run("chw-bench", "--scenario", "offline", "--disturb", "kill", "--batch", 4096)
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
    outside_redis()
    trees()
    singles()
    one_at_a_time()
    killed()
    broker()
