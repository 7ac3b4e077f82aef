#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-bench runs a cluster of its own, checks what it measures, and leaves nothing behind.
Method: small runs; no figure is judged, but each must be there and agree with the others."""
import glob
import json
import os
import shutil
import signal
import subprocess
import unittest

from cluster import alive, children, folder, main, run, start, wait_until
from redis_server import RedisServer

SMALL = ["--records", 20000, "--warmup", 2000, "--runs", 2, "--format", "json"]


def bench(*options, code=0):
    done = run("chw-bench", *SMALL, *options)
    if done.returncode != code:
        raise AssertionError("code %d, expected %d\n%s" % (done.returncode, code, done.stderr))
    return json.loads(done.stdout) if code == 0 else done


def named(pid, name):
    """Processes of that name below the cluster of the benchmark."""
    return [process for child in children(pid) for process, called in children(child).items()
            if called == name]


class Bench(unittest.TestCase):
    def setUp(self):
        self.before = set(glob.glob("/tmp/chw-bench-*"))

    def tearDown(self):
        self.assertEqual(set(glob.glob("/tmp/chw-bench-*")), self.before)

    def assert_agrees(self, report, records):
        self.assertEqual(report["records"], records)
        self.assertEqual(len(report["runs"]), 2)
        for measured in report["runs"]:
            self.assertAlmostEqual(measured["records_per_s"] * measured["seconds"], records,
                                   delta=records * .001)
            self.assertTrue(0 < measured["p50_ms"] <= measured["p95_ms"] <= measured["p99_ms"])
            self.assertLessEqual(measured["p99_ms"], measured["seconds"] * 1000)
        rates = [measured["records_per_s"] for measured in report["runs"]]
        self.assertAlmostEqual(report["records_per_s"]["median"], sum(rates) / 2, delta=1)
        self.assertEqual(report["records_per_s"]["min"], min(rates))
        for name in "scoring_records_per_s", "worker_records_per_s":
            self.assertGreater(report["alone"][name], 0)

    def test_a_run_on_sqlite_has_every_figure(self):
        report = bench("--workers", 3, "--batch", 500)
        self.assert_agrees(report, 20000)
        cpu = {entry["process"]: entry["us"] for entry in report["cpu_us_per_record"]}
        self.assertEqual(set(cpu), {"client (this process)", "chw-broker", "chw-optimizer",
                                    "chw-worker 1", "chw-worker 2", "chw-worker 3"})
        self.assertGreater(cpu["chw-broker"], 0)
        self.assertGreater(sum(us for name, us in cpu.items() if "worker" in name), 0)

    def test_a_run_is_of_whole_batches_and_trees_may_score_it(self):
        report = bench("--batch", 3000, "--estimator", "boosting", "--what-if")
        self.assert_agrees(report, 21000)
        self.assertTrue(report["what_if"])

    def test_a_redis_that_is_in_use_is_left_alone(self):
        with folder() as place, RedisServer(place) as redis:
            self.assert_agrees(bench("--store", redis.url, "--batch", 1000), 20000)
            refused = bench("--store", redis.url, code=75)
            self.assertIn("wants an empty one", refused.stderr)

    def test_bad_options_are_refused_before_anything_starts(self):
        for words, said in ((["--batch", 0], "--batch"), (["--batch", 70000], "--batch"),
                            (["--format", "xml"], "table or json"), (["--nonsense"], "--nonsense"),
                            (["--estimator", "oracle"], "logistic, boosting or forest")):
            refused = bench(*words, code=64)
            self.assertIn(said, refused.stderr)
            self.assertNotIn("training", refused.stderr)

    def test_a_worker_that_was_replaced_spoils_the_run(self):
        measuring = start("chw-bench", "--records", 4000000, "--warmup", 0, "--batch", 1000,
                          stderr=subprocess.PIPE)
        try:
            wait_until("workers", lambda: named(measuring.pid, "chw-worker"))
            wait_until("the runs", lambda: "warming up" in measuring.stderr.readline())
            os.kill(named(measuring.pid, "chw-worker")[0], signal.SIGKILL)
            said = measuring.communicate(timeout=120)[1]
            self.assertEqual(measuring.returncode, 69)
            self.assertRegex(said, "chw-worker .* ended during a run")
            for kept in set(glob.glob("/tmp/chw-bench-*")) - self.before:
                self.assertIn(kept, said)
                shutil.rmtree(kept)
        finally:
            measuring.kill()
            measuring.wait()

    def test_interrupted_it_takes_its_processes_with_it(self):
        measuring = start("chw-bench", "--records", 10 ** 10)
        try:
            def family():
                direct = list(children(measuring.pid))
                return direct + [p for d in direct for p in children(d)]
            wait_until("a cluster", lambda: len(family()) >= 5)
            everyone = family()
            measuring.send_signal(signal.SIGINT)
            self.assertEqual(measuring.wait(60), 130)
            wait_until("all gone", lambda: not [p for p in everyone if alive(p)])
        finally:
            measuring.kill()
            measuring.wait()


if __name__ == "__main__":
    main()
