#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: nothing lost, nothing counted twice, whatever dies; each result from the version it
names, equal to the reference scorer to the bit; the demand equal to the integer.

Method: the real broker, two real workers and `chw score` over all records; then the same again
while something is promoted, killed, stopped or full. stream-truth (C) judges results and store.

The records are ../shared/data/brfss2020_heart_state.csv.gz where it is (319,795 people in 53
states), else a generated population; the output says which."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["CHW_BIN"])
TESTS = pathlib.Path(os.environ["CHW_TESTS"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
BRFSS = ROOT.parent / "shared/data/brfss2020_heart_state.csv.gz"
AS_OF = "2026-11-02"
DEADLINE_S = 240


def run(*command, ok=True):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done


@contextlib.contextmanager
def database(path):
    """`with sqlite3.connect(...)` alone ends the transaction and leaves the file open."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        yield db


def wait_until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)  # between looks, not instead of one
    raise AssertionError(f"waited {seconds} s for: {what}")


class Population:
    """The records, and two trained versions of chd beside one of diabetes."""

    def __init__(self, folder):
        self.folder = folder
        self.store = folder / "store.db"
        if BRFSS.exists():
            self.records, self.region = BRFSS, "state"
            options = ["--id-column", "row_id", "--drop", "state_fips"]
            outcomes = {"chd": "HeartDisease", "diabetes": "Diabetic"}
            print("records: BRFSS 2020, 319,795 people")
        else:
            self.records, self.region = folder / "people.csv", "region"
            run(BIN / "chw", "generate", "--rows", 200000, "--seed", 7, "-o", self.records)
            options = ["--id-column", "person_id"]
            outcomes = {"chd": "chd", "diabetes": "diabetes"}
            print("records: generated, 200,000 (../shared/data is not here)")
        for name, column in outcomes.items():
            others = [word for other in outcomes.values() if other != column
                      for word in ("--drop", other)]
            self.train(name, column, *options, *others, "--promote", "champion")
        others = ["--drop", outcomes["diabetes"]]
        self.first = self.version("chd", "champion")
        self.train("chd", outcomes["chd"], *options, *others, "--seed", 2, "--promote", "next")
        self.second = self.version("chd", "next")
        assert self.first != self.second

    def train(self, name, column, *options):
        run(BIN / "chw-train", self.records, "--target", column, "--positive", "Yes", "--name",
            name, "--store", f"sqlite:{self.store}", *options)

    def version(self, name, alias):
        with database(self.store) as db:
            row = db.execute("SELECT hex(version) FROM alias_move WHERE name = ? AND alias = ? "
                             "ORDER BY id DESC", (name, alias)).fetchone()
        return row[0].lower()


class Cluster:
    """Broker and workers over ipc in a folder of their own, with a copy of the trained store."""

    def __init__(self, population):
        self.population = population
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=population.folder))
        self.store = self.folder / "store.db"
        shutil.copy(population.store, self.store)
        self.results = self.folder / "results.csv"
        self.processes = {}

    def start(self, name, *command, env=None):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log,
                                   env={**os.environ, **(env or {})})
        log.close()
        self.processes[name] = process
        return process

    def start_broker(self):
        return self.start("broker", BIN / "chw-broker", "--front", self.endpoint("front"),
                          "--back", self.endpoint("back"))

    def start_worker(self, name, fault=None):
        program = TESTS / "chw-worker-faulty" if fault else BIN / "chw-worker"
        env = {"CHW_FAULT": fault or "", "CHW_FAULT_FILE": str(self.folder / "fault")}
        return self.start(name, program, "--broker", self.endpoint("back"), "--store",
                          f"sqlite:{self.store}", env=env)

    def start_score(self, *options, records=None):
        return self.start("score", BIN / "chw", "score", records or self.population.records,
                          "--region-column", self.population.region, "-o", self.results,
                          "--broker", self.endpoint("front"), "--as-of", AS_OF,
                          "--batch-rows", 256, *options)

    def endpoint(self, name):
        return f"ipc://{self.folder}/{name}.ipc"

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def people(self):
        """How many scorings the store has counted."""
        with database(self.store) as db:
            return db.execute("SELECT coalesce(sum(people), 0) FROM demand").fetchone()[0]

    def wait_people(self, count):
        wait_until(f"{count} people counted", lambda: self.people() >= count)

    def kill(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(DEADLINE_S)

    def finish_score(self):
        process = self.processes.pop("score")
        code = process.wait(DEADLINE_S)
        if code != 0:
            raise AssertionError(f"chw score ended with {code}:\n{self.log('score')[-3000:]}")

    def drain(self):
        """Stop all, workers first; each must end with 0."""
        for name in sorted(self.processes, key=lambda name: name == "broker"):
            code = self.kill(name, signal.SIGTERM)
            if code != 0:
                raise AssertionError(f"{name} ended with {code}:\n{self.log(name)[-3000:]}")

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()

    def promote(self, version):
        run(BIN / "chw", "model", "promote", "chd", version, "champion", "--store",
            f"sqlite:{self.store}")

    def truth(self):
        """Raises unless results and store are what the reference scorer says."""
        said = run(TESTS / "stream-truth", f"sqlite:{self.store}", self.population.records,
                   self.results, self.population.region).stdout
        numbers = [int(number) for number in re.findall(r"\d+", said)]
        return dict(zip(("records", "ok", "equal", "cells", "versions"), numbers))

    def versions(self):
        """Rows by the version of chd that scored them."""
        counts = {}
        with open(self.results) as file:
            at = file.readline().strip().split(",").index("chd_version")
            for line in file:
                version = line.rstrip("\n").split(",")[at]
                counts[version] = counts.get(version, 0) + 1
        return counts


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
        with database(cluster.store) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM dead_letter").fetchone()[0], 1)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
