#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: broker and workers are replaced under load, and no request fails.

Method: real processes over TCP (chaos_cluster.py), SIGTERM to each, the next one in its place;
each must end with 0 within its grace period, and the end be that of an undisturbed run."""
import signal
import time

from chaos_cluster import Story, main

GRACE_S = 12  # a broker's --drain-ms, and a little


class Rolling(Story):
    def end(self, name):
        start = time.monotonic()
        code = self.cluster.kill(name, signal.SIGTERM)
        seconds = time.monotonic() - start
        self.assertEqual(code, 0, self.cluster.log(name))
        self.assertLess(seconds, GRACE_S, f"{name} took its time")

    def test_all_replaced_in_mid_stream(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        for old, new in ("a", "c"), ("b", "d"):
            cluster.start_worker(new)
            self.wait_logged("broker0", " worker_joined ", 3 if old == "a" else 4)
            self.end(old)
        self.end("broker0")
        cluster.start_broker()
        self.assert_same_end()
        for name in "abcd":
            self.assertNotIn(" error ", cluster.log(name))

    def test_three_brokers_and_two_workers_replaced_in_mid_stream(self):
        cluster = self.start(brokers=3)
        cluster.wait_people(self.total // 8)
        for number in range(3):
            self.end(f"broker{number}")
            cluster.start_broker(number)
            self.wait_logged(f"broker{number}", " worker_joined ", 4)
        for old, new in ("a", "c"), ("b", "d"):
            cluster.start_worker(new)
            self.end(old)
        self.assert_same_end()


main()
