#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-bench-broker measures the broker and zmq_proxy alike, and leaves nothing behind.
Method: short runs; no figure is judged, but each must be there and agree with the others."""
import json
import signal
import statistics
import subprocess
import unittest

from cluster import alive, children, main, run, start, wait_until

SHORT = ["--runs", 2, "--seconds", ".2", "--format", "json"]


def bench(*options, code=0):
    done = run("chw-bench-broker", *SHORT, *options)
    if done.returncode != code:
        raise AssertionError("code %d, expected %d\n%s" % (done.returncode, code, done.stderr))
    return json.loads(done.stdout) if code == 0 else done


class BenchBroker(unittest.TestCase):
    def assert_ratios(self, rows, figure):
        ours = next(row for row in rows if row["subject"] == "chw-broker")
        self.assertNotIn("ratio", ours)
        for row in rows:
            median = statistics.median(each[figure] for each in row["runs"])
            self.assertAlmostEqual(row["figure"]["median"], median, delta=.01)
            if row is not ours:
                ratios = [one[figure] / other[figure]
                          for one, other in zip(ours["runs"], row["runs"])]
                self.assertAlmostEqual(row["ratio"]["min"], min(ratios), delta=.01 * min(ratios))
                self.assertAlmostEqual(row["ratio"]["max"], max(ratios), delta=.01 * max(ratios))

    def test_cpu_has_each_size_of_each_subject(self):
        report = bench("--clients", 2, "--workers", 1, "--outstanding", 8)
        self.assertEqual(report["runs"], 2)
        for size in 256, 4096, 131072:
            rows = [row for row in report["rows"] if row["size"] == size]
            self.assertEqual([row["subject"] for row in rows],
                             ["chw-broker", "zmq_proxy, header and body", "zmq_proxy, body alone"])
            for measured in (each for row in rows for each in row["runs"]):
                self.assertGreater(measured["messages_per_s"], 0)
                self.assertGreater(measured["us_per_message"], 0)
                self.assertEqual(measured["busy"], 0)
            self.assert_ratios(rows, "us_per_message")

    def test_one_request_at_a_time_has_latencies(self):
        rows = bench("--measure", "latency")["rows"]
        self.assertEqual(len(rows), 3)
        for measured in (each for row in rows for each in row["runs"]):
            self.assertTrue(0 < measured["p50_us"] <= measured["p99_us"])
            # One at a time: what a median one takes, and how many there are, belong together
            # (the mean may be far above the median).
            self.assertTrue(.05e6 < measured["messages_per_s"] * measured["p50_us"] < 2.5e6)
        self.assert_ratios(rows, "p50_us")

    def test_a_flood_is_refused_and_its_memory_told(self):
        for row in bench("--measure", "flood", "--seconds", "1")["rows"]:
            for measured in row["runs"]:
                self.assertGreater(measured["busy"], 0)
                self.assertEqual(measured["messages_per_s"], 0)
                self.assertGreater(measured["peak_bytes"], 64 << 20)

    def test_bad_options_are_refused_before_anything_starts(self):
        for words, said in ((["--measure", "speed"], "cpu, latency, flood or all"),
                            (["--heartbeats", "never"], "each or timed"),
                            (["--format", "xml"], "table or json"), (["--runs", 0], "--runs"),
                            (["--seconds", 0], "--seconds"), (["--window", 257], "--window")):
            refused = bench(*words, code=64)
            self.assertIn(said, refused.stderr)
            self.assertNotIn("run 1", refused.stderr)

    def test_interrupted_it_takes_its_processes_with_it(self):
        measuring = start("chw-bench-broker", "--seconds", 60, stderr=subprocess.PIPE)
        try:
            wait_until("all peers", lambda: len(children(measuring.pid)) == 7)
            everyone = list(children(measuring.pid))
            measuring.send_signal(signal.SIGINT)
            self.assertIn("stopped by signal 2", measuring.communicate(timeout=60)[1])
            self.assertEqual(measuring.returncode, 69)
            wait_until("all gone", lambda: not [p for p in everyone if alive(p)])
        finally:
            measuring.kill()
            measuring.wait()


if __name__ == "__main__":
    main()
