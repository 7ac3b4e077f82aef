# SPDX-License-Identifier: Apache-2.0
"""A redis-server of a test's own, on a local socket in a folder.

    with Redis(place) as redis:              # append-only file on; further options as words
        chw("demand", "--store", redis.url())
        redis.kill(); redis.start()

REDIS_SERVER in the environment: its path where neither redis-server nor redis-check-rdb (the
same program under another name) is in PATH."""

import os
import shutil
import signal
import socket
import subprocess

from cluster import die_with_parent, wait_until


class Redis:
    def __init__(self, place, *options, name="redis"):
        self.place, self.options = place, options
        self.socket, self.log_path = "%s/%s.sock" % (place, name), "%s/%s.log" % (place, name)
        self.files = "%s/%s" % (place, name)
        self.process = None

    def url(self, user="", db=0):
        return "redis://%s%s?db=%d" % (user and user + "@", self.socket, db)

    def start(self):
        """Start on the files of the last time, and wait until it answers; returns self."""
        found = (os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or
                 shutil.which("redis-check-rdb"))
        assert found, "there is no redis-server: install the package redis-tools"
        os.makedirs(self.files, exist_ok=True)
        words = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.files,
                 "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--logfile",
                 self.log_path, *self.options]
        self.process = subprocess.Popen(words, executable=found,
                                        preexec_fn=die_with_parent(signal.SIGKILL))
        wait_until("redis-server answers", lambda: self.ask("PING")[:5] in ("+PONG", "-NOAU"))
        return self

    def ask(self, command):
        """An inline command, by a connection of its own; the first bytes of the answer."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            try:
                peer.connect(self.socket)
                peer.sendall(command.encode() + b"\r\n")
                return peer.recv(65536).decode(errors="replace")
            except OSError:
                return ""

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
