#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a crowd, a flood or nonsense at the door costs nobody an answer, and leaves nothing behind.

Method: real processes over TCP (chaos_cluster.py), clients of libchw by the hundred (chaos_load.c),
bare sockets; what was answered must be what was counted, to the integer."""
import contextlib
import os
import socket

from chaos_cluster import Story, descriptor_count, main, memory_bytes, tcp, wait_until

CONNECTIONS = 10000
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
READY = b"\x04\x29\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
DESCRIBE = b"CHW1\x01\x02" + bytes(122)  # what the models read
GROUPS, GROUP = 4, 250  # a process each: its descriptors are limited


def send_bytes(port, data):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(data)


def hear(peer, word):
    said = b""
    while word not in said:
        more = peer.recv(65536)
        if not more:
            raise AssertionError(f"a client did not hear {word}, but {said}")
        said += more


def be_a_client(port):
    """As libzmq would: greet, ask once and be answered; and then be gone without a word."""
    with socket.create_connection(("127.0.0.1", port), 30) as peer:
        peer.sendall(GREETING + READY)
        hear(peer, b"READY")
        peer.sendall(b"\x01\x80" + DESCRIBE + b"\x00\x00")
        hear(peer, b"CHW1")


class Crowd(Story):
    def start_all(self):
        cluster = self.make_cluster()
        cluster.start_brokers()
        for name in "ab":
            cluster.start_worker(name)
        return cluster

    def test_a_thousand_clients_reconnect_at_once_to_another_broker(self):
        cluster = self.start_all()
        cluster.slow_down(400000)
        for group in range(GROUPS):
            cluster.start_load(f"group{group}", "--clients", GROUP, "--batches", 4, "--rows", 8,
                               "--region", f"group{group}")
        wait_until("all are connected",
                   lambda: cluster.brokers[0].front_net.accepted >= GROUPS * GROUP)
        cluster.kill("broker0")
        cluster.start_broker()
        for group in range(GROUPS):
            cluster.finish_load(f"group{group}")
        self.assert_counted_as_answered()

    def test_a_region_with_a_hundred_times_the_load_of_others_does_not_hold_them_up(self):
        cluster = self.start_all()
        front = tcp(cluster.brokers[0].front)
        cluster.start_load("flood", "--clients", 4, "--batches", 500, "--window", 250, "--rows",
                           256, "--region", "flood", broker=front)
        cluster.start_load("quiet", "--clients", 10, "--batches", 20, "--rows", 256, "--pause-ms",
                           20, "--region", "quiet/#", broker=front)
        for name in "quiet", "flood":
            cluster.finish_load(name)
        quiet, flood = cluster.latency("quiet"), cluster.latency("flood")
        print(f"ms: quiet {quiet}, flood {flood}")
        self.assertLess(quiet["p50"], flood["p50"] / 4)
        self.assert_counted_as_answered()

    def test_garbage_on_every_port_in_mid_stream(self):
        cluster = self.start()
        cluster.wait_people(self.total // 5)
        broker = cluster.brokers[0]
        for port in broker.front, broker.back, broker.metrics:
            for data in (os.urandom(100000), b"\x00" * 5000, b"\xff" * 5000, GREETING[:30],
                         GREETING + b"\x06" + b"\xff" * 8, GREETING + os.urandom(5000)):
                send_bytes(port, data)
        self.assert_same_end()

    def test_ten_thousand_connections_leave_nothing_behind(self):
        cluster = self.start_all()
        cluster.start_load("before", "--region", "before")
        cluster.finish_load("before")
        broker, ports = cluster.processes["broker0"], cluster.brokers[0]
        for _ in range(500):  # what it grows to at first is not a leak
            be_a_client(ports.front)
            send_bytes(ports.front, b"hello")
        descriptors, memory = descriptor_count(broker), memory_bytes(broker)
        for number in range(CONNECTIONS):
            port = (ports.front, ports.back, ports.metrics)[number % 3]
            if port == ports.front:
                be_a_client(port)
            else:
                send_bytes(port, b"hello" if number % 2 else b"")
        wait_until("the descriptors are given back",
                   lambda: descriptor_count(broker) <= descriptors + 10)
        grown = memory_bytes(broker) - memory
        print(f"descriptors {descriptors}, then {descriptor_count(broker)}; grew by {grown} bytes")
        self.assertLess(grown, 8 << 20)
        cluster.start_load("after", "--region", "after")
        cluster.finish_load("after")
        self.assert_counted_as_answered()


main()
