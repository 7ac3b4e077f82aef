#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a bad network costs time, and neither answers nor counts.

Method: real processes over TCP, through proxies that delay, slice, reset and swallow
(chaos_cluster.py, fault_proxy.py); the end must be that of an undisturbed run."""
from chaos_cluster import STREAM_BYTES_PER_S, Story, main, memory_bytes, tcp, wait_until


class Network(Story):
    def nets(self):
        broker = self.cluster.brokers[0]
        return broker.front_net, broker.back_net

    def swallow(self, net, swallows=True):
        for way in net.up, net.down:
            way.set(blackhole=swallows)

    def test_slow_long_and_sliced(self):
        cluster = self.start()
        for net in self.nets():
            net.up.set(latency_s=0.05, slice_bytes=511)
            net.down.set(latency_s=0.05, slice_bytes=97)
        self.assert_same_end()

    def test_connections_reset_in_mid_stream(self):
        """What went by a connection that is no more is asked again by the next one, at once."""
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        self.wait_unheard()
        for net in self.nets():
            net.reset()
        self.let_hear()
        self.assert_same_end()
        self.assertGreaterEqual(self.nets()[1].accepted, 4)

    def test_connections_reset_in_the_middle_of_a_frame(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        for net in self.nets():
            net.up.set(reset_after_bytes=1009)
        self.assert_same_end()
        self.assertGreaterEqual(self.nets()[1].accepted, 3)

    def test_client_cut_off_without_a_word(self):
        """Half-open: both ends keep a connection on which nothing comes, and new ones are no
        better."""
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        front, _ = self.nets()
        self.swallow(front)
        self.wait_logged("score", "no broker answers")
        self.swallow(front, False)
        self.assert_same_end()

    def test_client_that_hears_nothing_but_is_heard(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        front, _ = self.nets()
        front.down.set(blackhole=True)
        self.wait_logged("score", "no broker answers")
        front.down.set(blackhole=False)
        self.assert_same_end()

    def test_worker_cut_off_without_a_word(self):
        """Its batches go to the other; what it answers after that is too late."""
        cluster = self.start(workers="")
        _, back = self.nets()
        cluster.start_worker("a")  # through the network that fails
        cluster.endpoint = lambda name, at=cluster.endpoint: (
            tcp(cluster.brokers[0].back) if name == "back" else at(name))
        cluster.start_worker("b")  # past it
        cluster.wait_people(self.total // 5)
        self.swallow(back)
        self.wait_logged("broker0", " worker_lost ")
        cluster.wait_people(self.total * 3 // 5)
        self.swallow(back, False)
        self.wait_logged("broker0", " worker_joined ", 3)
        self.assert_same_end()

    def test_all_workers_cut_off_for_a_while(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        _, back = self.nets()
        self.swallow(back)
        self.wait_logged("broker0", " worker_lost ", 2)
        self.swallow(back, False)
        self.assert_same_end()

    def test_slow_reader_holds_up_itself_only(self):
        """Its answers trickle; others stream past it, and the broker's memory stays as it is."""
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        front, _ = self.nets()
        front.down.set(bytes_per_s=2000)
        before = memory_bytes(cluster.processes["broker0"])
        cluster.start_load("others", "--clients", 8, "--batches", 100, "--rows", 256, "--window",
                           16, broker=tcp(cluster.brokers[0].front))
        cluster.finish_load("others")
        grown = memory_bytes(cluster.processes["broker0"]) - before
        print(f"others: {cluster.latency('others')} ms; the broker grew by {grown} bytes")
        self.assertIsNone(cluster.processes["score"].poll(), "the slow reader is done already")
        self.assertLess(grown, 64 << 20)
        front.down.set(bytes_per_s=None)
        self.assert_same_end_beside_load()

    def assert_same_end_beside_load(self):
        """Results to the byte; the demand is that of both."""
        cluster = self.cluster
        cluster.finish_score()
        self.assertTrue(cluster.results.read_bytes() == self.baseline_bytes,
                        "the results differ from those of the undisturbed run")
        told = sum(people for people, _, _ in cluster.answered().values())
        self.assertEqual(cluster.people(), self.total + told)
        answered, counted = cluster.answered(), cluster.counted()
        for key, numbers in answered.items():
            self.assertEqual(counted.get(key), numbers, key)
        cluster.drain()
        self.has_ended = True


main()
