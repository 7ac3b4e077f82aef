#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever is killed in the middle of a stream, nothing is lost and nothing counted twice.

Method: real processes over TCP (chaos_cluster.py), kill -9; the end must be that of an
undisturbed run."""
import pathlib
import signal
import tempfile

from chaos_cluster import Story, main, metric, wait_until
from redis_server import RedisServer


class Kills(Story):
    def wait_held(self, workers, broker=0):
        """They stand still, and the broker has given them batches before it takes them for lost:
        whatever is killed next, something is lost with it."""
        for name in workers:
            self.cluster.processes[name].send_signal(signal.SIGSTOP)
        self.wait_leased(workers, broker)

    def wait_leased(self, workers, broker=0):
        """Or it has taken them for lost already, with what they held."""
        port = self.cluster.brokers[broker].metrics
        wait_until("the workers hold batches", lambda: (
            " worker_lost " in self.cluster.log(f"broker{broker}") or
            metric(port, "chw_broker_leased_batches", 0) >= 2 * len(workers)))

    def let_go(self, workers):
        for name in workers:
            self.cluster.processes[name].send_signal(signal.SIGCONT)

    def test_killed_worker(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.wait_held("a")
        cluster.kill("a")
        self.wait_logged("broker0", " worker_lost ")
        self.assert_same_end()

    def test_all_workers_killed_and_others_started(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.wait_held("ab")
        for name in "ab":
            cluster.kill(name)
        self.wait_logged("broker0", " worker_lost ", 2)
        for name in "cd":
            cluster.start_worker(name)
        self.assert_same_end()

    def test_killed_broker_and_another_in_its_place(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.wait_unheard()
        self.wait_held("ab")
        cluster.kill("broker0")
        self.let_hear()
        cluster.start_broker()
        self.let_go("ab")
        self.assert_same_end()

    def test_one_of_three_brokers_killed(self):
        """Nobody starts it again: what it held goes to the others."""
        cluster = self.start(brokers=3)
        cluster.wait_people(self.total // 5)
        self.wait_held("ab", broker=1)
        cluster.kill("broker1")
        self.let_go("ab")
        self.assert_same_end()

    def test_killed_redis_whose_every_write_is_on_disk(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        with RedisServer(folder, "--appendfsync", "always") as redis:
            cluster = self.start(store=redis.url)
            cluster.wait_people(self.total // 5)
            redis.stop(signal.SIGKILL)
            for name in "ab":
                self.wait_logged(name, " store_away ")
            redis.start()
            self.assert_same_end()

    def test_workers_killed_while_redis_stands_still(self):
        """What was scored and not settled was answered to nobody."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        with RedisServer(folder, "--appendfsync", "always") as redis:
            cluster = self.start(store=redis.url)
            cluster.wait_people(self.total // 5)
            redis.pause()
            self.wait_leased("ab")
            for name in "ab":
                cluster.kill(name)
            redis.resume()
            for name in "cd":
                cluster.start_worker(name)
            self.assert_same_end()

    def test_all_killed_at_once_and_started_again(self):
        """As by a power cut, but for what the disk had not written."""
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.wait_unheard()
        for name in list(cluster.processes):
            cluster.kill(name)
        self.let_hear()
        self.assertFalse(cluster.results.exists())
        cluster.start_brokers()
        for name in "ab":
            cluster.start_worker(name)
        cluster.start_score()
        self.assert_same_end()


main()
