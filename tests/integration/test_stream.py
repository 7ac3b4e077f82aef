#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: nothing lost, nothing counted twice, whatever dies; each result from the version it
names, equal to the reference scorer to the bit; the demand equal to the integer.

Method: the real broker, two real workers and `chw score` over all records; then the same again
while something is promoted, killed, stopped or full. stream-truth (C) judges results and store.

The records are real where ../shared/data has them, else generated (stream_cluster.py)."""
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest
import urllib.request

from stream_cluster import BIN, Cluster, Population, database, run, wait_until


def ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:  # not there yet, or 503
        return False


class Stream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.population = Population(cls.folder)
        cluster = Cluster(cls.population)
        try:
            for name in ("a", "b"):
                cluster.start_worker(name)
            cluster.start_broker()
            cluster.start_score()
            cluster.finish_score()
            cluster.drain()
        finally:
            cluster.close()
        cls.baseline = cluster
        cls.baseline_bytes = cluster.results.read_bytes()
        cls.total = cluster.people()

    def setUp(self):
        self.cluster = Cluster(self.population)
        self.addCleanup(self.cluster.close)

    def start_all(self, fault=None):
        self.cluster.start_broker()
        self.cluster.start_worker("a", fault)
        self.cluster.start_worker("b")
        self.cluster.start_score()

    def assert_same_end(self):
        """The very bytes of the undisturbed run, and its demand."""
        self.cluster.finish_score()
        self.cluster.drain()
        self.assertEqual(self.cluster.results.read_bytes(), self.baseline_bytes)
        self.assertEqual(self.cluster.people(), self.total)
        self.cluster.truth()

    def test_every_record_is_scored_as_the_reference_scorer_does(self):
        truth = self.baseline.truth()
        print(truth)
        self.assertEqual(truth["ok"], truth["records"])
        self.assertEqual(truth["equal"], 2 * truth["records"])
        self.assertEqual(truth["versions"], 2)
        for worker in ("a", "b"):
            self.assertGreater(int(re.search(r" batches=(\d+)", self.baseline.log(worker))[1]), 0)

    def test_promotion_in_mid_stream_fails_nothing_and_is_served_within_a_second(self):
        self.start_all()
        self.cluster.wait_people(self.total // 5)
        before = {worker: self.cluster.log(worker).count(" snapshot ") for worker in "ab"}
        start = time.monotonic()
        self.cluster.promote(self.population.second)
        for worker in "ab":
            wait_until(f"worker {worker} serves the new version",
                       lambda: self.cluster.log(worker).count(" snapshot ") > before[worker])
        print(f"both workers on the new version {time.monotonic() - start:.3f} s after the "
              "promotion began")
        self.assertLess(time.monotonic() - start, 1.5)  # the command itself included
        self.cluster.finish_score()
        self.cluster.drain()
        truth = self.cluster.truth()
        self.assertEqual(truth["ok"], truth["records"])
        versions = self.cluster.versions()
        print(versions)
        self.assertEqual(set(versions), {self.population.first, self.population.second})
        self.assertEqual(sum(versions.values()), truth["records"])

    def test_killed_worker_loses_nothing(self):
        self.start_all()
        self.cluster.wait_people(self.total // 5)
        self.cluster.kill("a")
        self.assert_same_end()

    def test_killed_between_settlement_and_reply_with_a_promotion_in_between(self):
        self.start_all(fault="worker.settled:20:pause")
        fault = self.cluster.folder / "fault"
        wait_until("worker a stopped after it settled", fault.exists)
        before = self.cluster.log("b").count(" snapshot ")
        self.cluster.promote(self.population.second)
        wait_until("worker b on the new version",
                   lambda: self.cluster.log("b").count(" snapshot ") > before)
        self.cluster.kill("a")
        self.cluster.finish_score()
        self.cluster.drain()
        truth = self.cluster.truth()
        self.assertEqual(truth["ok"], truth["records"])
        duplicates = int(re.search(r" duplicates=(\d+)", self.cluster.log("b"))[1])
        print(f"{duplicates} batches answered again with the recorded versions")
        self.assertGreater(duplicates, 0)
        self.assertEqual(self.cluster.people(), self.total)

    def test_killed_broker_loses_nothing(self):
        self.start_all()
        self.cluster.wait_people(self.total // 5)
        self.cluster.kill("broker")
        self.cluster.start_broker()
        self.assert_same_end()

    def test_killed_client_resumes_where_it_was(self):
        self.start_all()
        self.cluster.wait_people(self.total // 3)
        self.cluster.kill("score")
        self.assertFalse(self.cluster.results.exists())
        self.cluster.start_score()
        self.assert_same_end()

    def test_every_process_replaced_in_mid_stream_costs_nothing(self):
        """The upgrade of docs/operations.md, with the same programs in both parts."""
        self.start_all()
        self.cluster.wait_people(self.total // 5)
        for old, new in ("a", "c"), ("b", "d"):
            port = self.cluster.start_watched_worker(new)
            wait_until(f"worker {new} is ready", lambda: ready(port))
            self.assertEqual(self.cluster.kill(old, signal.SIGTERM), 0)
        self.assertEqual(self.cluster.kill("broker", signal.SIGTERM), 0)
        self.cluster.start_broker()
        self.assert_same_end()
        for worker in "abcd":
            self.assertNotIn(" error ", self.cluster.log(worker))

    def test_full_disk_in_mid_stream_waits_and_goes_on(self):
        self.start_all()
        self.cluster.wait_people(self.total // 5)
        workers = [self.cluster.processes[name] for name in ("a", "b")]
        for worker in workers:
            run("prlimit", "--pid", worker.pid, "--fsize=4096:")
        for worker in "ab":
            wait_until(f"worker {worker} says so",
                       lambda: " store_away " in self.cluster.log(worker))
        for worker in workers:
            run("prlimit", "--pid", worker.pid, "--fsize=unlimited:")
        self.assert_same_end()
        self.assertIn(" store_back ", self.cluster.log("a"))


class Poison(unittest.TestCase):
    def test_batch_that_three_workers_die_over_is_buried_and_not_counted(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        records = folder / "few.csv"
        run(BIN / "chw", "generate", "--rows", 500, "--regions", 1, "--seed", 3, "-o", records)
        store = folder / "store.db"
        run(BIN / "chw-train", records, "--target", "chd", "--name", "chd", "--id-column",
            "person_id", "--drop", "diabetes", "--store", f"sqlite:{store}", "--promote",
            "champion")
        few = type("Few", (), {"folder": folder, "store": store, "records": records,
                               "region": "region"})
        cluster = Cluster(few)
        self.addCleanup(cluster.close)
        cluster.start_broker()
        cluster.start_score("--batch-rows", 512)
        for attempt in range(3):
            worker = cluster.start_worker(f"faulty{attempt}", "worker.scored:1:kill")
            self.assertEqual(worker.wait(60), -signal.SIGKILL)
            del cluster.processes[f"faulty{attempt}"]
        cluster.start_worker("sound")
        cluster.finish_score()
        cluster.drain()
        rows = cluster.results.read_text().splitlines()[1:]
        self.assertEqual(len(rows), 500)
        for row in rows:
            self.assertIn("dead: given up after 3 attempts", row)
        self.assertEqual(cluster.people(), 0)
        with database(cluster.store.removeprefix("sqlite:")) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM dead_letter").fetchone()[0], 1)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
