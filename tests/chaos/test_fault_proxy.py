#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the bad network of the chaos tests does what its tests think it does.

Method: an echo server behind the proxy, and sockets before it."""
import contextlib
import os
import socket
import socketserver
import sys
import threading
import time
import unittest

from fault_proxy import FaultProxy

DEADLINE_S = 20
SILENT_S = 0.2  # what does not come within this is called held back
MEGABYTE = os.urandom(1 << 20)


class Echo(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    class RequestHandlerClass(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                while data := self.request.recv(65536):
                    self.request.sendall(data)

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Proxy(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.stack = stack
        self.echo = stack.enter_context(Echo())
        stack.callback(self.echo.shutdown)
        self.proxy = stack.enter_context(FaultProxy(self.echo.server_address))

    def connect(self, proxy=None):
        peer = socket.create_connection((proxy or self.proxy).address, DEADLINE_S)
        return self.stack.enter_context(peer)

    def receive(self, peer, size):
        data = bytearray()
        while len(data) < size:
            more = peer.recv(65536)
            self.assertNotEqual(more, b"", f"the connection ended after {len(data)} of {size}")
            data += more
        return data

    def ask(self, peer, data=b"hello"):
        """Seconds until all of it is back."""
        start = time.monotonic()
        sender = threading.Thread(target=peer.sendall, args=(data,))
        sender.start()
        self.assertEqual(self.receive(peer, len(data)), data)
        sender.join()
        return time.monotonic() - start

    def assert_silent(self, peer):
        peer.settimeout(SILENT_S)
        self.assertRaises(TimeoutError, peer.recv, 1)
        peer.settimeout(DEADLINE_S)

    def assert_reset(self, peer):
        with self.assertRaises(ConnectionResetError):
            while peer.recv(65536):
                pass

    def assert_refused(self, proxy):
        with self.assertRaises(ConnectionResetError):  # by either, as they run
            self.connect(proxy).recv(1)

    def test_passes_bytes_both_ways_as_they_are(self):
        seconds = self.ask(self.connect(), 16 * MEGABYTE)
        print(f"{16 / seconds:.0f} MB/s each way")
        self.assertEqual(self.proxy.up.passed, 16 << 20)
        self.assertEqual(self.proxy.down.passed, 16 << 20)

    def test_latency_delays_one_way_without_narrowing_it(self):
        peer = self.connect()
        self.proxy.down.set(latency_s=0.3)
        self.assertGreater(self.ask(peer), 0.3)
        self.assertLess(self.ask(peer, 2 * MEGABYTE), 5)  # 32 chunks one by one: 9.6 s
        self.proxy.down.set(latency_s=0)
        self.assertLess(self.ask(peer), 0.3)

    def test_a_narrow_link_is_shared_by_its_connections(self):
        self.proxy.up.set(bytes_per_s=100000)
        peers = [self.connect(), self.connect()]
        start = time.monotonic()
        for peer in peers:
            peer.sendall(MEGABYTE[:20000])
        for peer in peers:
            self.receive(peer, 20000)
        self.assertGreater(time.monotonic() - start, 0.39)

    def test_slices_are_written_one_by_one(self):
        self.proxy.up.set(slice_bytes=3)
        self.ask(self.connect(), MEGABYTE[:3000])
        self.assertEqual(self.proxy.up.pieces, 1000)

    def test_a_black_hole_keeps_the_connection_and_what_is_in_it(self):
        peer = self.connect()
        self.ask(peer)
        self.proxy.down.set(blackhole=True)
        peer.sendall(b"late")
        self.assert_silent(peer)
        self.proxy.down.set(blackhole=False)
        self.assertEqual(self.receive(peer, 4), b"late")

    def test_a_black_hole_swallows_the_end_of_a_connection_too(self):
        peer = self.connect()
        self.ask(peer)
        self.proxy.down.set(blackhole=True)
        peer.shutdown(socket.SHUT_WR)  # the echo server answers by closing
        self.assert_silent(peer)
        self.proxy.down.set(blackhole=False)
        self.assertEqual(peer.recv(1), b"")

    def test_a_full_black_hole_stops_the_sender(self):
        self.proxy.up.set(blackhole=True)
        peer = self.connect()
        peer.settimeout(SILENT_S)
        with self.assertRaises(TimeoutError):
            for _ in range(64):
                peer.sendall(MEGABYTE)

    def test_reset_ends_all_connections_and_the_next_ones_work(self):
        peers = [self.connect() for _ in range(3)]
        for peer in peers:
            self.ask(peer)
        self.proxy.reset()
        for peer in peers:
            self.assert_reset(peer)
        self.ask(self.connect())

    def test_a_countdown_resets_in_the_middle_of_what_is_sent(self):
        peer, other = self.connect(), self.connect()
        self.ask(other)
        self.proxy.down.set(reset_after_bytes=5000, slice_bytes=1000)
        peer.sendall(MEGABYTE)
        self.assert_reset(peer)
        self.ask(other)

    def test_refusing_it_resets_new_connections_only(self):
        old = self.connect()
        self.ask(old)
        self.proxy.set_refusing(True)
        self.assert_refused(self.proxy)
        self.ask(old)
        self.proxy.set_refusing(False)
        self.ask(self.connect())

    def test_without_a_server_the_client_is_reset(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            with FaultProxy(nobody.getsockname()) as proxy:
                self.assert_refused(proxy)

    def test_the_end_of_one_direction_leaves_the_other_open(self):
        peer = self.connect()
        self.proxy.down.set(latency_s=SILENT_S)
        peer.sendall(b"last words")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive(peer, 10), b"last words")
        self.assertEqual(peer.recv(1), b"")

    def test_an_unknown_fault_is_refused(self):
        self.assertRaises(AttributeError, self.proxy.up.set, bandwidth=3)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(verbosity=2)
