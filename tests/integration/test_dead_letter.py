#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a batch that workers died over is kept, shown without its patients' values, and sent
again is counted once, however often, and whichever of several brokers is away or dies with it; on
a file and on a Redis.

Method: a real broker; three workers that kill themselves over the one batch of `chw score`
(worker/task.c, worker.scored), then one without that fault; each story goes on with a copy of the
store that they left, and chw dead-letter as operators use it."""
import contextlib
import csv
import io
import json
import pathlib
import shutil
import signal
import sqlite3
import sys
import tempfile
import unittest

from redis_server import RedisServer
from stream_cluster import AS_OF, BIN, DEADLINE_S, Cluster, database, run, wait_until

ROWS, LIVENESS_MS = 500, 1200
USAGE, DATA, NO_INPUT, UNAVAILABLE = 64, 65, 66, 69


class Letters:
    """The story; the classes below say on which store."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.records, cls.store, cls.region = cls.folder / "few.csv", cls.folder / "s.db", "region"
        run(BIN / "chw", "generate", "--rows", ROWS, "--regions", 1, "--seed", 3, "-o",
            cls.records)
        run(BIN / "chw-train", cls.records, "--target", "chd", "--name", "chd", "--id-column",
            "person_id", "--drop", "diabetes", "--store", f"sqlite:{cls.store}", "--promote",
            "champion")
        cls.bury()

    @classmethod
    def bury_in(cls, cluster):
        """Only the store is left of it."""
        try:
            cls.start_broker(cluster)
            cluster.start_score("--batch-rows", 512)
            cls.die_three_times(cluster)
            cluster.start_worker("sound")
            cluster.finish_score()
            cluster.drain()
        finally:
            cluster.close()

    @staticmethod
    def start_broker(cluster):
        cluster.start("broker", BIN / "chw-broker", "--front", cluster.endpoint("front"),
                      "--back", cluster.endpoint("back"), "--liveness-ms", LIVENESS_MS)

    def setUp(self):
        self.cluster = self.make_cluster()
        self.addCleanup(self.cluster.close)
        self.start_broker(self.cluster)
        self.cluster.start_worker("sound")
        self.key = self.only_letter()["key"]

    @staticmethod
    def die_three_times(cluster):
        """Three workers, one after the other, each killed over the batch it has scored."""
        for number in range(3):
            worker = cluster.start_worker(f"faulty{number}", "worker.scored:1:kill")
            if worker.wait(60) != -signal.SIGKILL:
                raise AssertionError(f"faulty{number} ended with {worker.returncode}")
            del cluster.processes[f"faulty{number}"]

    def command(self, action, *arguments, code=0):
        done = run(BIN / "chw", "dead-letter", action, "--store", self.cluster.store, *arguments,
                   ok=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def requeue(self, *arguments, code=0):
        return self.command("requeue", "--broker", self.cluster.endpoint("front"), *arguments,
                            code=code)

    def start_requeue(self, name, *arguments):
        return self.cluster.start(name, BIN / "chw", "dead-letter", "requeue", "--store",
                                  self.cluster.store, "--broker", self.cluster.endpoint("front"),
                                  *arguments)

    def letters(self):
        return json.loads(self.command("list", "--json").stdout)

    def only_letter(self):
        letters = self.letters()
        self.assertEqual(len(letters), 1, letters)
        return letters[0]

    def counted(self, people):
        """So many in the demand, in the month of the batch's own day."""
        self.assertEqual(self.cluster.people(), people)
        if people > 0:
            said = run(BIN / "chw", "demand", "--format", "csv", "--store",
                       self.cluster.store).stdout
            months = {cell["period"] for cell in csv.DictReader(io.StringIO(said))}
            self.assertEqual(months, {AS_OF[:7]})

    def test_a_buried_batch_is_listed_and_shown_without_its_values(self):
        letter = self.only_letter()
        self.assertEqual(letter["reason"], "given up after 3 attempts")
        self.assertEqual((letter["attempts"], letter["records"], letter["as_of"]),
                         (3, ROWS, AS_OF))
        self.assertRegex(letter["buried"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        with open(self.records) as file:
            self.assertEqual(letter["region"], next(csv.DictReader(file))["region"])
        told = self.command("list").stdout
        self.assertIn(self.key, told)
        shown = self.command("show", self.key).stdout
        whole = self.command("show", self.key, "--values").stdout
        self.assertTrue(whole.startswith(shown))
        table = list(csv.DictReader(io.StringIO(whole[len(shown):].lstrip("\n"))))
        self.assertEqual(len(table), ROWS)
        for column in table[0]:
            self.assertRegex(shown, rf"(?m)^{column} ")
        values = {cell for row in table for cell in row.values() if "." in cell}
        self.assertGreater(len(values), 20)
        for value in values:
            self.assertNotIn(value, told)
            self.assertNotIn(value, shown)

    def test_sent_again_it_is_counted_once(self):
        self.counted(0)
        both = [self.start_requeue(name, self.key) for name in ("one", "other")]
        for process in both:
            code = process.wait(DEADLINE_S)
            self.assertIn(code, (0, NO_INPUT))  # 66: the other had dropped it already
        self.assertIn(0, [process.returncode for process in both])
        del self.cluster.processes["one"], self.cluster.processes["other"]
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)
        self.requeue(self.key, code=NO_INPUT)
        self.counted(ROWS)

    def test_buried_again_it_stays_until_it_is_counted(self):
        self.cluster.kill("sound", signal.SIGTERM)
        process = self.start_requeue("again", "--all")
        self.die_three_times(self.cluster)
        self.cluster.start_worker("sound")
        self.assertEqual(process.wait(DEADLINE_S), DATA)
        del self.cluster.processes["again"]
        said = self.cluster.log("again")
        self.assertIn("buried again (given up after 3 attempts); it stays", said)
        self.assertIn("1 of 1 were not counted and stay", said)
        self.assertEqual(self.only_letter()["key"], self.key)
        self.counted(0)
        said = self.requeue("--all").stdout
        self.assertIn(f"{self.key} counted: {ROWS} records, 0 of them invalid; dropped", said)
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)

    def test_without_an_answer_it_stays_and_the_next_try_counts_it_once(self):
        self.cluster.kill("sound", signal.SIGTERM)
        done = self.requeue("--wait-s", 1, self.key, code=UNAVAILABLE)
        self.assertIn("run the same command again", done.stderr)
        self.only_letter()
        self.cluster.start_worker("sound")
        # what the first try left at the broker may be counted before the second asks
        self.requeue(self.key)
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)

    def test_dropped_it_is_gone_and_was_never_counted(self):
        done = self.command("drop", self.key, code=USAGE)
        self.assertIn(self.key, done.stdout)
        self.assertIn("--yes", done.stderr)
        self.command("drop", "--yes", code=USAGE)  # which?
        self.command("drop", "--yes", "nonsense", code=USAGE)
        self.assertIn("no dead letters",
                      self.command("drop", "--all", "--region", "nowhere", "--yes").stdout)
        letter = self.only_letter()
        done = self.command("drop", "--all", "--region", letter["region"], "--yes")
        self.assertIn(self.key, done.stdout)
        self.assertIn("1 dropped", done.stdout)
        self.assertIn("no dead letters", self.command("list").stdout)
        self.command("drop", "--yes", self.key, code=NO_INPUT)
        self.command("show", self.key, code=NO_INPUT)
        self.requeue(self.key, code=NO_INPUT)
        self.counted(0)


class InFile(Letters, unittest.TestCase):
    @classmethod
    def bury(cls):
        cluster = Cluster(cls)
        cls.bury_in(cluster)
        cls.store = cluster.folder / "store.db"

    def make_cluster(self):
        return Cluster(self)  # on a copy

    def test_counted_but_not_dropped_it_is_not_counted_again(self):
        """As after a command that was killed between the two."""
        path = self.cluster.store.removeprefix("sqlite:")
        tables = ("dead_letter", "dead_letter_head")
        with database(path) as db:
            kept = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
        self.requeue(self.key)
        self.counted(ROWS)
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
            for table, rows in kept.items():
                marks = ",".join("?" * len(rows[0]))
                db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        self.assertEqual(self.only_letter()["key"], self.key)
        self.assertIn("was counted when it was sent again before",
                      self.requeue(self.key).stdout)
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)


    def test_brokers_of_a_list_that_are_not_there_are_passed_over(self):
        brokers = ",".join(self.cluster.endpoint(name) for name in ("away", "front", "gone"))
        self.command("requeue", "--broker", brokers, "--wait-s", "60", self.key)
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)

    def test_broker_that_dies_with_the_letter_neither_loses_nor_doubles_it(self):
        """No worker is there until one of the two brokers holds it, and is killed."""
        self.cluster.kill("sound", signal.SIGTERM)
        self.cluster.start("broker2", BIN / "chw-broker", "--front",
                           self.cluster.endpoint("front2"), "--back",
                           self.cluster.endpoint("back2"))
        brokers = {self.cluster.endpoint(f"front{number}"): number for number in ("", "2")}
        process = self.start("both", *brokers)
        held = wait_until("a broker holds it", lambda: self.holder(brokers))
        self.cluster.kill("broker" + brokers[held])
        left = next(number for address, number in brokers.items() if address != held)
        wait_until("the other holds it", lambda: self.holder(
            [self.cluster.endpoint("front" + left)]))
        self.cluster.start("sound", BIN / "chw-worker", "--broker",
                           self.cluster.endpoint("back" + left), "--store", self.cluster.store)
        self.assertEqual(process.wait(DEADLINE_S), 0, self.cluster.log("both"))
        del self.cluster.processes["both"]
        self.assertEqual(self.letters(), [])
        self.counted(ROWS)

    def start(self, name, *brokers):
        return self.cluster.start(name, BIN / "chw", "dead-letter", "requeue", "--store",
                                  self.cluster.store, "--broker", ",".join(brokers), self.key)

    @staticmethod
    def holder(brokers):
        """The address of one that has a batch in its queue; None: none has."""
        for address in brokers:
            done = run(BIN / "chw", "top", "--once", "--format", "json", "--broker", address,
                       ok=False)
            if done.returncode == 0 and json.loads(done.stdout)["queued"] > 0:
                return address
        return None


class InRedis(Letters, unittest.TestCase):
    @classmethod
    def bury(cls):
        cls.buried = pathlib.Path(tempfile.mkdtemp(dir=cls.folder))
        with RedisServer(cls.buried, "--appendfsync", "always") as redis:
            cls.bury_in(Cluster(cls, redis.url))
            redis.stop()

    def make_cluster(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(self.buried / "appendonlydir", folder / "appendonlydir")
        redis = RedisServer(folder, "--appendfsync", "always").start()
        self.addCleanup(redis.__exit__)
        return Cluster(self, redis.url, copy=False)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
