# SPDX-License-Identifier: Apache-2.0
"""A bad network between two ends of a TCP connection, on loopback.

    with FaultProxy(("127.0.0.1", 5555)) as proxy:    # clients connect to proxy.address
        proxy.up.set(latency_s=0.05)                  # up: client to server; down: back
        proxy.down.set(bytes_per_s=64 * 1024, slice_bytes=7)
        proxy.up.set(blackhole=True)                  # nothing passes, connections stay open
        proxy.reset()                                 # each connection ends by RST
        proxy.set_refusing(True)                      # and so does each new one

What set() says is in force when it returns; what it does not name stays as it is. One thread of
its own serves all connections; what it cannot pass on it leaves to the kernel, so that a sender
feels it as it would feel the network."""
import asyncio
import contextlib
import socket
import struct
import threading

CHUNK = 65536
CHUNKS_HELD = 64  # read and not yet written, per connection and direction
PIECES_PER_S = 50  # of a narrow link: small ones, so that a change is felt soon
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger


class Way:
    """One direction of all connections, as a link that they share."""

    def __init__(self, loop):
        self.loop = loop
        self.passed = 0  # bytes
        self.pieces = 0
        self.latency_s = 0.0
        self.bytes_per_s = None
        self.slice_bytes = None
        self.blackhole = False
        self.reset_after_bytes = None  # a countdown: the connection that ends it is reset
        self.free_at = 0.0
        self.is_open = asyncio.Event()
        self.is_open.set()

    def set(self, **changes):
        async def apply():
            for name, value in changes.items():
                if not hasattr(self, name):
                    raise AttributeError(f"a way has no {name}")
                setattr(self, name, value)
            (self.is_open.clear if self.blackhole else self.is_open.set)()

        asyncio.run_coroutine_threadsafe(apply(), self.loop).result()

    def piece_size(self):
        sizes = [CHUNK]
        if self.slice_bytes:
            sizes.append(self.slice_bytes)
        if self.bytes_per_s:
            sizes.append(max(1, self.bytes_per_s // PIECES_PER_S))
        return min(sizes)

    async def take_turn(self, size):
        """Wait until a link of this width has room for so many bytes."""
        await self.is_open.wait()
        if self.bytes_per_s:
            now = self.loop.time()
            self.free_at = max(now, self.free_at) + size / self.bytes_per_s
            await asyncio.sleep(self.free_at - now)
            await self.is_open.wait()  # it may have closed meanwhile

    def count(self, size):
        """False: here the connection is to break."""
        self.passed += size
        self.pieces += 1
        if self.reset_after_bytes is None:
            return True
        self.reset_after_bytes -= size
        if self.reset_after_bytes > 0:
            return True
        self.reset_after_bytes = None
        return False


class Connection:
    """A client's connection and ours to the server; bytes go both ways until both are closed."""

    def __init__(self, proxy, reader, writer):
        self.proxy = proxy
        self.client = reader, writer
        self.writers = [writer]

    async def serve(self):
        try:
            server = await asyncio.open_connection(*self.proxy.server)
            self.writers.append(server[1])
            for writer in self.writers:
                writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP,
                                                           socket.TCP_NODELAY, 1)
            await self.both(self.pump(self.proxy.up, self.client[0], server[1]),
                            self.pump(self.proxy.down, server[0], self.client[1]))
        except OSError:
            self.reset()  # what one end does, the other shall see
        finally:
            for writer in self.writers:
                writer.close()

    @staticmethod
    async def both(*coroutines):
        """As gather(), but when one fails the others end too."""
        tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def pump(self, way, reader, writer):
        held = asyncio.Queue(CHUNKS_HELD)
        await self.both(self.read(way, reader, held), self.write(way, writer, held))

    async def read(self, way, reader, held):
        data = b"first"
        while data:
            data = await reader.read(CHUNK)
            await held.put((way.loop.time() + way.latency_s, data))

    async def write(self, way, writer, held):
        while True:
            due, data = await held.get()
            await asyncio.sleep(due - way.loop.time())
            if not data:  # the end travels as the bytes do
                await way.is_open.wait()
                return writer.write_eof()
            while data:
                size = way.piece_size()
                piece, data = data[:size], data[size:]
                await way.take_turn(len(piece))
                if not way.count(len(piece)):
                    raise ConnectionResetError
                writer.write(piece)
                await writer.drain()

    def reset(self):
        for writer in self.writers:
            with contextlib.suppress(OSError):  # it is closed already
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET,
                                                           socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()


class FaultProxy:
    def __init__(self, server, port=0):
        """`server`: (host, port) that need not be there yet. `port`: ours; 0: any."""
        self.server = server
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.up, self.down = Way(self.loop), Way(self.loop)
        self.connections = {}  # Connection -> its task
        self.accepted = 0
        self.refusing = False

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listener = self.run(asyncio.start_server(self.accept, "127.0.0.1", self.port,
                                                      backlog=4096))
        self.address = self.listener.sockets[0].getsockname()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.listener.close)
        self.run(self.end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        self.accepted += 1
        if self.refusing:
            return connection.reset()
        self.connections[connection] = asyncio.current_task()
        try:
            await connection.serve()
        except asyncio.CancelledError:
            pass  # by end_all(), which waits for this
        finally:
            del self.connections[connection]

    async def end_all(self):
        tasks = list(self.connections.values())
        for connection in list(self.connections):
            connection.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reset(self):
        """Each connection that there is ends by RST, at both ends."""
        self.run(self.end_all())

    def set_refusing(self, refusing):
        async def apply():
            self.refusing = refusing

        self.run(apply())
