# SPDX-License-Identifier: Apache-2.0
"""A real redis-server of a test's own, on a local socket in a folder of its own.

    with RedisServer(folder, "--appendfsync", "always") as redis:
        chw("up", "--store", redis.url)
        redis.stop(signal.SIGKILL)
        redis.start()

The program is $REDIS_SERVER, or redis-server, or redis-check-rdb, which is the same one under
another name (of Debian's redis-tools, which starts no service)."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

START_S = 30
PROGRAM = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or shutil.which(
    "redis-check-rdb")


class RedisServer:
    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.socket = self.folder / "redis.sock"
        self.url = f"redis://{self.socket}"
        self.options = options
        self.process = None

    def start(self, *options):
        """Start with these options after the usual ones, and wait until it has its data."""
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir",
                 str(self.folder), "--save", "", "--appendonly", "yes", *self.options, *options],
                executable=PROGRAM, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self.ask("PING").startswith(("+PONG", "-NOAUTH")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("redis-server does not answer:\n" + self.log()[-3000:])
            time.sleep(0.01)  # between looks, not instead of one
        return self

    def ask(self, command):
        """A command in one line; the beginning of its answer, empty where there is none."""
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(START_S)
                peer.connect(str(self.socket))
                peer.sendall(command.encode() + b"\r\n")
                return peer.recv(65536).decode(errors="replace")
        except OSError:
            return ""

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(START_S)

    def log(self):
        return (self.folder / "redis.log").read_text(errors="replace")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()  # a stopped one, too
        self.process.wait()
