#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: with its store in Redis, a cluster loses nothing and counts nothing twice, whatever
happens to Redis; a Redis that lost its data is noticed and named.

Method: a real redis-server, broker, two workers and `chw score`; in mid-stream Redis is stopped,
ended or killed. The end must be the very bytes of an undisturbed run on SQLite, and its demand."""
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest

from redis_server import RedisServer
from stream_cluster import BIN, Cluster, Population, run, wait_until

PAUSE_S = 10


class Outages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="chw-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.population = Population(cls.folder)
        cls.baseline = Cluster(cls.population)
        cls.addClassCleanup(cls.baseline.close)
        cls.start_all(cls.baseline)
        cls.baseline.finish_score()
        cls.baseline.drain()
        cls.total = cls.baseline.people()

    @staticmethod
    def start_all(cluster, *options):
        cluster.start_broker()
        for name in ("a", "b"):
            cluster.start_worker(name, options=options)
        cluster.start_score()

    def start(self, *server_options, worker_options=()):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        self.redis = RedisServer(folder, *server_options).start()
        self.addCleanup(self.redis.__exit__)
        self.cluster = Cluster(self.population, self.redis.url)
        self.addCleanup(self.cluster.close)
        self.start_all(self.cluster, *worker_options)
        self.cluster.wait_people(self.total // 5)

    def wait_logged(self, words):
        for worker in "ab":
            wait_until(f"worker {worker} logs {words}", lambda: words in self.cluster.log(worker))

    def assert_same_end(self):
        self.cluster.finish_score()
        self.cluster.drain()
        self.assertEqual(self.cluster.results.read_bytes(), self.baseline.results.read_bytes())
        self.assertEqual(self.cluster.people(), self.total)
        truth = self.cluster.truth()
        self.assertEqual(truth["ok"], truth["records"])

    def test_stopped_for_ten_seconds_it_costs_ten_seconds(self):
        self.start()
        self.redis.pause()
        paused = time.monotonic()
        self.wait_logged(" store_away ")
        wait_until("the pause is over", lambda: time.monotonic() - paused >= PAUSE_S)
        self.assertIsNone(self.cluster.processes["score"].poll())
        self.redis.resume()
        self.assert_same_end()

    def test_ended_and_started_again_it_goes_on(self):
        self.start()
        self.redis.stop(signal.SIGTERM)
        self.wait_logged(" store_away ")
        self.redis.start()
        self.assert_same_end()

    def test_killed_and_started_again_with_every_write_on_disk_it_goes_on(self):
        self.start("--appendfsync", "always")
        self.redis.stop(signal.SIGKILL)
        self.wait_logged(" store_away ")
        self.redis.start()
        self.assert_same_end()

    def test_started_again_without_its_append_only_file_it_is_refused_until_it_has_it(self):
        self.start("--appendfsync", "always")
        self.redis.stop()
        self.redis.start("--appendonly", "no")
        self.wait_logged("append-only file")
        counted = self.cluster.people()
        self.assertEqual(counted, 0)  # this Redis is empty, and nothing is counted in it
        self.redis.stop()
        self.redis.start()
        self.assert_same_end()


    def test_brought_back_without_its_last_commits_it_is_told_and_goes_on(self):
        """As after a failover that lost the end of the log."""
        self.start("--appendfsync", "always")
        earlier = self.redis.folder / "earlier"
        self.redis.stop()
        shutil.copytree(self.redis.folder / "appendonlydir", earlier)
        self.redis.start()
        self.cluster.wait_people(self.total // 2)
        self.redis.stop()
        shutil.rmtree(self.redis.folder / "appendonlydir")
        shutil.copytree(earlier, self.redis.folder / "appendonlydir")
        self.redis.start()
        self.wait_logged("store_went_back")
        self.cluster.finish_score()
        self.cluster.drain()
        self.assertLess(self.cluster.people(), self.total)  # lost, and somebody was told


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
