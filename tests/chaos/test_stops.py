#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a process that stands still is done without, and does no harm when it goes on; a broker
that stands still does not take its workers for dead.

Method: real processes over TCP (chaos_cluster.py), SIGSTOP and SIGCONT in mid-stream; the end
must be that of an undisturbed run."""
import pathlib
import signal
import tempfile
import time

from chaos_cluster import Story, main, wait_until
from redis_server import RedisServer

STOPPED_S = 4  # longer than a broker or a worker may be silent


class Stops(Story):
    def stop(self, name):
        self.cluster.processes[name].send_signal(signal.SIGSTOP)

    def go_on(self, name):
        self.cluster.processes[name].send_signal(signal.SIGCONT)

    def test_stopped_worker_is_done_without_and_comes_back(self):
        """In Redis: on SQLite it may stop with the store's lock in its hand, and all wait."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        with RedisServer(folder, "--appendfsync", "always") as redis:
            cluster = self.start(store=redis.url)
            cluster.wait_people(self.total // 5)
            self.stop("a")
            self.wait_logged("broker0", " worker_lost ")
            cluster.wait_people(self.total * 4 // 5)
            self.go_on("a")
            self.wait_logged("broker0", " worker_joined ", 3)
            self.assert_same_end()

    def test_worker_stopped_on_a_shared_file_holds_others_up_at_most(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.stop("a")
        self.wait_logged("broker0", " worker_lost ")
        self.go_on("a")
        self.assert_same_end()

    def test_worker_stopped_again_and_again(self):
        cluster = self.start()
        for part in range(1, 6):
            cluster.wait_people(self.total * part // 8)
            self.stop("a")
            self.wait_logged("broker0", " worker_lost ", part)
            self.go_on("a")
            self.wait_logged("broker0", " worker_joined ", 2 + part)
        self.assert_same_end()

    def test_stopped_broker_knows_its_workers_when_it_goes_on(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.stop("broker0")
        stopped = time.monotonic()
        wait_until("the pause is over", lambda: time.monotonic() - stopped >= STOPPED_S)
        self.go_on("broker0")
        self.assert_same_end()
        log = cluster.log("broker0")
        self.assertNotIn(" worker_lost ", log, log)
        self.assertNotIn(" worker_stuck ", log, log)

    def test_stopped_client_is_answered_when_it_goes_on(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.stop("score")
        stopped = time.monotonic()
        wait_until("the pause is over", lambda: time.monotonic() - stopped >= STOPPED_S)
        self.go_on("score")
        self.assert_same_end()


main()
