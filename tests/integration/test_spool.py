#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what `chw score --spool` accepted is counted once and answered, with the very results of
an undisturbed run: spooled without a cluster, killed at any moment, its broker killed, its disk
full.

Method: real broker, workers and commands; stream-truth (C) judges results and store. That no
broker answers is known after five seconds: the story that begins so does while the undisturbed
run is made."""
import json
import pathlib
import shutil
import signal
import tempfile
import unittest

from stream_cluster import BIN, Cluster, Population, run, wait_until

ROWS = 20000
OK, USAGE, DATA, NO_INPUT, UNAVAILABLE, IO, TEMPORARY = 0, 64, 65, 66, 69, 74, 75


def columns_of(population):
    """What both models read, as --columns takes it."""
    lists = [run(BIN / "chw", "model", "show", f"{name}@champion", "--columns", "--store",
                 f"sqlite:{population.store}").stdout.strip().split(",")
             for name in ("chd", "diabetes")]
    return ",".join(dict.fromkeys(lists[0] + lists[1]))


class SpoolCluster(Cluster):
    @property
    def spool(self):
        return self.folder / "spool"

    def start_cluster(self):
        self.start_broker()
        for name in ("a", "b"):
            self.start_worker(name)

    def start_spooled(self, *options):
        """Slowly, so that there is a middle to be killed in."""
        return self.start_score("--spool", self.spool, "--window", 2, *options)

    def start_flush(self):
        return self.start("flush", BIN / "chw", "spool", "flush", self.spool, "--broker",
                          self.endpoint("front"))

    def end_of(self, name):
        """Its exit code, and what it has said so far."""
        return self.processes.pop(name).wait(60), self.log(name)

    def status(self):
        return json.loads(run(BIN / "chw", "spool", "status", self.spool, "--json").stdout)

    def left(self):
        """Names in the spool beside the journal."""
        return sorted(path.name for path in self.spool.iterdir() if path.name != "journal")


class Spool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.population = Population(cls.folder, ROWS)
        cls.columns = columns_of(cls.population)
        cls.offline = SpoolCluster(cls.population)
        cls.addClassCleanup(cls.offline.close)
        cls.offline.start_spooled("--columns", cls.columns)
        baseline = SpoolCluster(cls.population)
        cls.addClassCleanup(baseline.close)
        baseline.start_cluster()
        baseline.start_score()
        baseline.finish_score()
        baseline.drain()
        baseline.truth()
        cls.bytes = baseline.results.read_bytes()
        cls.total = baseline.people()  # of two targets

    def setUp(self):
        self.cluster = SpoolCluster(self.population)
        self.addCleanup(self.cluster.close)

    def assert_same_end(self, cluster):
        """The very bytes of the undisturbed run, and its demand; the spool is empty."""
        cluster.drain()
        self.assertEqual(cluster.results.read_bytes(), self.bytes)
        self.assertEqual(cluster.people(), self.total)
        self.assertEqual(cluster.left(), [])
        cluster.truth()

    def test_spooled_without_a_cluster_flushed_later_and_written_without_one_again(self):
        cluster = self.offline
        code, said = cluster.end_of("score")
        self.assertEqual(code, TEMPORARY, said)
        self.assertIn("no broker answers, so ", said)
        state = cluster.status()
        self.assertEqual((2 * state["records"], state["answered"]), (self.total, 0))
        self.assertEqual(state["oldest_day"], "2026-11-02")
        self.assertEqual(sum(region["records"] for region in state["regions"]),
                         state["records"])
        self.assertEqual(len(cluster.left()), state["batches"])

        cluster.start_cluster()
        cluster.start_flush()
        cluster.wait_people(self.total // 5)
        cluster.kill("flush")
        cluster.start_flush()
        code, said = cluster.end_of("flush")
        self.assertEqual(code, OK, said)
        self.assertEqual(cluster.status()["answered"], state["batches"])
        cluster.drain()
        cluster.start_spooled()
        cluster.finish_score()
        self.assert_same_end(cluster)

    def test_killed_again_and_again_with_its_broker_it_resumes(self):
        cluster = self.cluster
        cluster.start_cluster()
        for part in 1, 2, 3:
            cluster.start_spooled()
            cluster.wait_people(part * self.total // 5)
            cluster.kill("score")
            if part == 2:
                cluster.kill("broker")
                cluster.start_broker()
        self.assertFalse(cluster.results.exists())
        cluster.start_spooled()
        cluster.finish_score()
        self.assert_same_end(cluster)
        self.assertIn("are in the spool", cluster.log("score"))

    def test_broker_killed_and_replaced_under_a_running_command(self):
        cluster = self.cluster
        cluster.start_cluster()
        cluster.start_spooled()
        cluster.wait_people(self.total // 5)
        cluster.kill("broker")
        cluster.start_broker()
        cluster.finish_score()
        self.assert_same_end(cluster)

    def test_full_disk_is_said_leaves_nothing_half_and_resumes(self):
        cluster = self.cluster
        cluster.start_cluster()
        score = cluster.start_spooled()
        cluster.wait_people(self.total // 5)
        run("prlimit", "--pid", score.pid, "--fsize=4096:")
        code, said = cluster.end_of("score")
        self.assertEqual(code, IO, said)
        self.assertIn("File too large", said)
        self.assertTrue(all(name.endswith(".batch") for name in cluster.left()),
                        cluster.left())
        cluster.start_spooled()
        cluster.finish_score()
        self.assert_same_end(cluster)


class Offline(unittest.TestCase):
    """What needs no cluster, and no five seconds."""

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.people = self.place / "people.csv"
        run(BIN / "chw", "generate", "--rows", 2000, "--seed", 3, "-o", self.people)
        self.spool = self.place / "spool"

    def command(self, *options, output="results.csv", spool=True):
        return [BIN / "chw", "score", self.people, "--region-column", "region", "-o",
                self.place / output, "--broker", f"ipc://{self.place}/nobody.ipc",
                "--batch-rows", 64, *(("--spool", self.spool) if spool else ()), *options]

    def refused(self, code, part, *options, **where):
        done = run(*self.command(*options, **where), ok=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(part, done.stderr)

    def spooled(self):
        """A job that was interrupted when all of it was in the spool."""
        cluster = SpoolCluster(type("People", (), {"folder": self.place, "store": self.people}))
        self.addCleanup(cluster.close)
        score = cluster.start("score", *self.command("--columns", "age,sex:category"))
        wait_until("some batches are kept", lambda: len(list(self.spool.glob("*.batch"))) > 30)
        score.send_signal(signal.SIGINT)
        self.assertEqual(score.wait(60), TEMPORARY)
        del cluster.processes["score"]

    def test_what_does_not_go_together_is_said(self):
        self.refused(USAGE, "there is nothing to keep", "--what-if")
        self.refused(USAGE, "--wait needs --spool", "--wait", spool=False)
        self.refused(USAGE, "did you mean sex:category?", "--columns", "age,sex")
        self.refused(USAGE, "age is named twice", "--columns", "age,age")
        self.refused(USAGE, "an empty name", "--columns", "age,")
        self.refused(NO_INPUT, "no column", "--columns", "age,shoe")
        self.assertFalse(self.spool.exists())

    def test_spool_belongs_to_one_job(self):
        self.spooled()
        self.refused(USAGE, "of another job", "--columns", "age", output="other.csv")
        self.refused(USAGE, "--columns differs", "--columns", "age")
        self.refused(USAGE, "run it with --spool", spool=False)
        self.refused(USAGE, "needs a spool of its own", "--new-job", "--columns", "age")
        self.assertTrue((self.place / "results.csv.job/job").exists())

    def test_status_of_what_is_no_spool_and_of_a_damaged_one(self):
        status = BIN / "chw", "spool", "status"
        self.assertEqual(run(*status, self.spool, ok=False).returncode, NO_INPUT)
        done = run(*status, self.place, ok=False)
        self.assertEqual(done.returncode, NO_INPUT)
        self.assertIn("is no spool", done.stderr)
        self.spooled()
        first = sorted(self.spool.glob("*.batch"))[0]
        first.write_bytes(first.read_bytes()[:100])
        done = run(*status, self.spool, ok=False)
        self.assertEqual(done.returncode, DATA)
        self.assertIn(f"rename it to {first.stem}.damaged", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
