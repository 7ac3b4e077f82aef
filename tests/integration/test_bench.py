#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: chw-bench runs a cluster of its own, checks what it measures, and leaves nothing behind.
Method: small runs; no figure is judged, but each must be there and agree with the others."""
import csv
import json
import os
import shutil
import signal
import subprocess
import unittest
import unittest.mock

from cluster import Cluster, alive, children, chw, folder, main, read, run, start, wait_until
from redis_server import RedisServer

SMALL = ["--records", 20000, "--warmup", ".1", "--seconds", 1, "--runs", 2, "--format", "json"]


QUANTILES = ["p50_ms", "p90_ms", "p95_ms", "p99_ms", "p99_9_ms", "p99_99_ms", "max_ms"]


def bench(*options, code=0, scenario="offline"):
    done = run("chw-bench", *SMALL, "--scenario", scenario, *options)
    if done.returncode != code:
        raise AssertionError("code %d, expected %d\n%s" % (done.returncode, code, done.stderr))
    return json.loads(done.stdout) if code == 0 else done


def named(pid, name):
    """Processes of that name below the cluster of the benchmark."""
    return [process for child in children(pid) for process, called in children(child).items()
            if called == name]


class Bench(unittest.TestCase):
    def setUp(self):
        self.place = self.enterContext(folder())
        self.enterContext(unittest.mock.patch.dict(os.environ, TMPDIR=self.place))

    def tearDown(self):
        self.assertEqual(os.listdir(self.place), [])

    def assert_agrees(self, report, records):
        self.assertEqual(report["records"], 2 * records)
        self.assertEqual(len(report["runs"]), 2)
        self.assertEqual(report["errors"], 0)
        self.assert_latencies(report)
        for measured in report["runs"]:
            self.assertAlmostEqual(measured["records_per_s"] * measured["seconds"], records,
                                   delta=records * .001)
            self.assertLessEqual(measured["p99_ms"], measured["seconds"] * 1000)
        rates = [measured["records_per_s"] for measured in report["runs"]]
        self.assertAlmostEqual(report["records_per_s"]["median"], sum(rates) / 2, delta=1)
        self.assertEqual(report["records_per_s"]["min"], min(rates))
        for name in "kernel_us_per_record", "kernel_records_per_s", "worker_us_per_record":
            self.assertGreater(report["alone"][name], 0)

    def assert_latencies(self, report):
        for measured in [*report["runs"], report["latency"]]:
            values = [measured[name] for name in QUANTILES]
            self.assertEqual(values, sorted(values))
            self.assertGreater(values[0], 0)
        self.assertEqual(report["latency"]["batches"],
                         sum(measured["batches"] for measured in report["runs"]))
        self.assertEqual(report["latency"]["max_ms"],
                         max(measured["max_ms"] for measured in report["runs"]))

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

    def test_an_open_loop_offers_what_it_was_told(self):
        report = bench("--rate", 20000, "--batch", 100, "--arrivals", "fixed", scenario="server")
        self.assertEqual(report["loop"], "open loop, fixed arrivals")
        self.assertEqual(report["outcomes"]["counted"], 400)
        for measured in report["runs"]:
            self.assertEqual(measured["batches"], 200)
            self.assertAlmostEqual(measured["offered_per_s"], 20000, delta=1)
        self.assertEqual(report["lateness"]["batches"], 400)
        self.assertEqual(report["workers_say"]["scored"], 400)
        self.assertEqual(report["workers_say"]["settled"], 400)
        self.assert_latencies(report)

    def test_a_stream_has_one_request_at_a_time(self):
        report = bench("--what-if", scenario="single-stream")
        self.assertEqual((report["batch"], report["window"]), (1, 1))
        self.assertEqual(report["outcomes"]["counted"], 0)
        for measured in report["runs"]:
            self.assertLessEqual(measured["batches"] * measured["mean_ms"],
                                 measured["seconds"] * 1000)

    def test_a_model_is_promoted_under_load(self):
        report = bench("--rate", 50000, "--batch", 100, "--disturb", "reload", scenario="server")
        self.assertEqual(report["errors"], 0)
        self.assertGreater(report["during"]["batches"], 0)
        self.assertEqual(report["during"]["batches"] + report["besides"]["batches"],
                         report["latency"]["batches"])

    def test_a_worker_is_killed_under_load_and_nothing_is_lost(self):
        report = bench("--rate", 50000, "--batch", 100, "--runs", 1, "--disturb", "kill",
                       scenario="server")
        self.assertEqual(report["errors"], 0)
        self.assertEqual(report["unsent"], 0)
        self.assertLess(report["runs"][0]["recovery_ms"], 20000)

    def test_every_run_is_a_line_of_csv_and_the_distribution_a_file(self):
        with folder() as place:
            path = os.path.join(place, "latencies.hgrm")
            done = run("chw-bench", "--scenario", "offline", "--records", 20000, "--warmup", 0,
                       "--runs", 2, "--format", "csv", "--histogram", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = list(csv.DictReader(done.stdout.splitlines()))
            self.assertEqual([line["run"] for line in lines], ["1", "2"])
            self.assertEqual({line["scenario"] for line in lines}, {"offline"})
            self.assertIn("Total count    =           40]", read(path))

    def test_a_cluster_that_runs_already_is_measured_and_its_demand_checked(self):
        with folder() as place:
            data = os.path.join(place, "data")
            people = os.path.join(place, "people.csv")
            with Cluster(data) as cluster:
                chw("generate", "--rows", 2000, "-o", people)
                cluster.chw("train", people, "--target", "chd", "--name", "chd", "--id-column",
                            "person_id", "--drop", "diabetes", "--drop", "region", "--promote",
                            "champion")
                report = bench("--broker", "ipc://%s/front.ipc" % data, "--store",
                               "sqlite:%s/store.db" % data)
                self.assertFalse(report["own"])
                self.assertEqual(report["latency"]["batches"], 40)

    def test_a_redis_that_is_in_use_is_left_alone(self):
        with folder() as place, RedisServer(place) as redis:
            self.assert_agrees(bench("--store", redis.url, "--batch", 1000), 20000)
            refused = bench("--store", redis.url, code=75)
            self.assertIn("wants an empty one", refused.stderr)

    def test_bad_options_are_refused_before_anything_starts(self):
        for words, said in ((["--batch", 0], "--batch"), (["--batch", 70000], "--batch"),
                            (["--format", "xml"], "table, json, csv"), (["--nonsense"], "--nonsense"),
                            (["--estimator", "oracle"], "logistic, boosting, forest"),
                            (["--scenario", "chaos"], "server, single-stream, offline"),
                            (["--broker", "ipc://x", "--disturb", "kill"], "without --broker")):
            refused = bench(*words, code=64)
            self.assertIn(said, refused.stderr)
            self.assertNotIn("training", refused.stderr)

    def test_a_run_that_ends_before_its_disturbance_is_none(self):
        refused = bench("--disturb", "kill", "--records", 640, "--batch", 64, code=64)
        self.assertIn("expected more --records", refused.stderr)

    def test_a_worker_that_was_replaced_spoils_the_run(self):
        measuring = start("chw-bench", "--scenario", "offline", "--records", 4000000, "--batch",
                          1000, stderr=subprocess.PIPE)
        try:
            wait_until("workers", lambda: named(measuring.pid, "chw-worker"))
            wait_until("the runs", lambda: "warming up" in measuring.stderr.readline())
            os.kill(named(measuring.pid, "chw-worker")[0], signal.SIGKILL)
            said = measuring.communicate(timeout=120)[1]
            self.assertEqual(measuring.returncode, 69)
            self.assertRegex(said, "chw-worker .* ended during a run")
            kept = [os.path.join(self.place, name) for name in os.listdir(self.place)]
            self.assertEqual(len(kept), 1)
            self.assertIn("kept: %s\n" % kept[0], said)
            shutil.rmtree(kept[0])
        finally:
            measuring.kill()
            measuring.wait()

    def test_interrupted_it_takes_its_processes_with_it(self):
        measuring = start("chw-bench", "--scenario", "offline", "--records", 10 ** 10)
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
