"""A switch for tests: Debian's snmpd as it is, with a subagent of ours (AgentX, RFC 2741) that serves the sFlow MIBs and
IF-MIB and keeps to what those MIBs say of claiming rows."""
import os
import socket
import struct
import subprocess
import threading

INTEGER, STRING, NULL, OID, COUNTER, GAUGE = 2, 4, 5, 6, 65, 66
NO_OBJECT, NO_INSTANCE, END = 128, 129, 130
WRONG_VALUE, NO_CREATION, INCONSISTENT, NOT_WRITABLE = 10, 11, 12, 17
SFLOW12, SFLOW13 = (1, 3, 6, 1, 4, 1, 4300, 1, 1), (1, 3, 6, 1, 4, 1, 14706, 1, 1)
IF_TABLE, IFX_TABLE = (1, 3, 6, 1, 2, 1, 2, 2), (1, 3, 6, 1, 2, 1, 31, 1, 1)
IF_INDEX = (1, 3, 6, 1, 2, 1, 2, 2, 1, 1)


def pack_oid(oid, include=0):
    return struct.pack(">BBBB%dI" % len(oid), len(oid), 0, include, 0, *oid)


def unpack_oid(data, at):
    n, prefix, include, _ = struct.unpack_from(">BBBB", data, at)
    oid = struct.unpack_from(">%dI" % n, data, at + 4)
    return ((1, 3, 6, 1, prefix) if prefix else ()) + oid, include, at + 4 + 4 * n


def pack_bytes(b):
    return struct.pack(">I", len(b)) + b + bytes(-len(b) % 4)


def pack_value(oid, kind, value):
    head = struct.pack(">HH", kind, 0) + pack_oid(oid)
    if kind == INTEGER:
        return head + struct.pack(">i", value)
    if kind in (COUNTER, GAUGE):
        return head + struct.pack(">I", value)
    if kind == STRING:
        return head + pack_bytes(value)
    return head + pack_oid(value) if kind == OID else head


def unpack_value(data, at):
    kind, _ = struct.unpack_from(">HH", data, at)
    oid, _, at = unpack_oid(data, at + 4)
    if kind in (INTEGER, COUNTER, GAUGE):
        return (oid, kind, struct.unpack_from(">i" if kind == INTEGER else ">I", data, at)[0]), at + 4
    if kind == STRING:
        n, = struct.unpack_from(">I", data, at)
        return (oid, kind, data[at + 4:at + 4 + n]), at + 4 + n + -n % 4
    if kind == OID:
        value, _, at = unpack_oid(data, at)
        return (oid, kind, value), at
    return (oid, kind, None), at


class Tables:
    """name -> (type, value), writable where `rules` allows it."""

    def __init__(self):
        self.cells, self.order, self.lock = {}, [], threading.RLock()
        self.sets = []        # every request that was carried out: [(name, value), …]
        self.refuse = {}      # beginning of a name -> error
        self.round = lambda rate: rate

    def put(self, oid, kind, value):
        with self.lock:
            if oid not in self.cells:
                self.order = sorted(self.order + [oid])
            self.cells[oid] = (kind, value)

    def value(self, *oid):
        with self.lock:
            return self.cells.get(tuple(oid), (None, None))[1]

    def next(self, start, include, end):
        with self.lock:
            for oid in self.order:
                if (oid > start or (include and oid == start)) and (not end or oid < end):
                    return oid
        return None

    # -- the switch's sFlow
    def add_13(self, ports, receivers=2, instances=1):
        self.put(SFLOW13 + (1, 0), STRING, b"1.3;Test;1")
        for r in range(1, receivers + 1):
            self.reset_receiver(r)
        for p in ports:
            for i in range(1, instances + 1):
                self.put(self.sampler(3, p, i), INTEGER, 0)
                self.put(self.sampler(4, p, i), INTEGER, 0)
                self.put(self.sampler(5, p, i), INTEGER, 128)
                self.put(self.poller(3, p, i), INTEGER, 0)
                self.put(self.poller(4, p, i), INTEGER, 0)

    def reset_receiver(self, r):
        defaults = {2: b"", 3: 0, 4: 1400, 5: 1, 6: bytes(4), 7: 6343, 8: 5}
        for column, value in defaults.items():
            self.put(self.receiver(column, r), STRING if isinstance(value, bytes) else INTEGER, value)

    @staticmethod
    def receiver(column, r):
        return SFLOW13 + (4, 1, column, r)

    @staticmethod
    def sampler(column, port, instance=1):
        return SFLOW13 + (5, 1, column, 11) + IF_INDEX + (port, instance)

    @staticmethod
    def poller(column, port, instance=1):
        return SFLOW13 + (6, 1, column, 11) + IF_INDEX + (port, instance)

    @staticmethod
    def row12(column, port):
        return SFLOW12 + (4, 1, column, 11) + IF_INDEX + (port,)

    def add_12(self, ports):
        self.put(SFLOW12 + (1, 0), STRING, b"1.2;Test;1")
        for p in ports:
            self.reset_12(p)

    def reset_12(self, p):
        defaults = {2: b"", 3: 0, 4: 0, 5: 0, 6: 128, 7: 1400, 8: 1, 9: bytes(4), 10: 6343, 11: 4}
        for column, value in defaults.items():
            self.put(self.row12(column, p), STRING if isinstance(value, bytes) else INTEGER, value)

    def add_interfaces(self, rows, extended=True):
        """rows: [(index, name, description, alias, speed in bits a second)]"""
        for index, name, descr, alias, speed in rows:
            self.put(IF_TABLE + (1, 1, index), INTEGER, index)
            self.put(IF_TABLE + (1, 2, index), STRING, descr.encode())
            self.put(IF_TABLE + (1, 5, index), GAUGE, min(speed, 2**32 - 1))
            if extended:
                self.put(IFX_TABLE + (1, 1, index), STRING, name.encode())
                self.put(IFX_TABLE + (1, 15, index), GAUGE, speed // 1000000)
                self.put(IFX_TABLE + (1, 18, index), STRING, alias.encode())

    # -- what may be set (RFC 3176 section 3.2, sFlow version 5 section 4)
    def test(self, bindings):
        """0, or (error, position from 1)"""
        with self.lock:
            now = {oid: value for oid, (_, value) in self.cells.items()}
        for at, (oid, kind, value) in enumerate(bindings, 1):
            for start, error in self.refuse.items():
                if oid[:len(start)] == start:
                    return error, at
            if oid not in now:
                return NO_CREATION, at
            if (self.cells[oid][0] == INTEGER) != (kind == INTEGER):
                return 7, at
            if not self.allowed(oid, now):
                return INCONSISTENT, at
            now[oid] = value
        return 0

    def allowed(self, oid, now):
        table, column = oid[9], oid[11]
        if oid[:9] == SFLOW12 or table == 4:  # a row must be claimed, with its timeout, before the rest of it
            return column == 2 or now[oid[:11] + (2,) + oid[12:]] != b""
        return column == 3 or now[oid[:11] + (3,) + oid[12:]] != 0

    def commit(self, bindings):
        with self.lock:
            self.sets.append([(oid, value) for oid, _, value in bindings])
            for oid, kind, value in bindings:
                rate = (oid[:9] == SFLOW13 and oid[9] == 5 or oid[:9] == SFLOW12) and oid[11] == 4
                self.put(oid, kind, self.round(value) if rate else value)
                if oid[11] == 2 and value == b"":
                    self.released(oid)

    def released(self, oid):
        if oid[:9] == SFLOW12:
            self.reset_12(oid[-1])
            return
        r = oid[-1]
        self.reset_receiver(r)
        for name, (_, value) in list(self.cells.items()):
            if name[:9] == SFLOW13 and name[9] in (5, 6) and name[11] == 3 and value == r:
                self.put(name, INTEGER, 0)
                self.put(name[:11] + (4,) + name[12:], INTEGER, 0)


class Subagent(threading.Thread):
    def __init__(self, path, tables, roots):
        super().__init__(daemon=True)
        self.tables, self.testing, self.stopping = tables, [], False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.session = 0
        self.session = self.call(1, struct.pack(">BBBB", 0, 0, 0, 0) + pack_oid(()) + pack_bytes(b"flowtrove test"))
        for root in roots:
            self.call(3, struct.pack(">BBBB", 0, 1, 0, 0) + pack_oid(root))
        self.start()

    def send(self, kind, payload, transaction=0, packet=0):
        self.socket.sendall(struct.pack(">BBBBIIII", 1, kind, 0x10, 0, self.session, transaction, packet, len(payload))
                            + payload)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        head = struct.unpack(">BBBBIIII", self.read(20))
        return head, self.read(head[7])

    def call(self, kind, payload):
        self.send(kind, payload)
        head, payload = self.receive()
        error = struct.unpack_from(">IHH", payload)[1]
        assert head[1] == 18 and error == 0, "the master agent refused: %d" % error
        return head[4]

    def respond(self, head, bindings=(), error=0, index=0):
        self.send(18, struct.pack(">IHH", 0, error, index) + b"".join(pack_value(*b) for b in bindings), head[5], head[6])

    def stop(self):
        self.stopping = True
        self.socket.close()

    def run(self):
        try:
            while True:
                head, payload = self.receive()
                self.handle(head, payload)
        except (EOFError, OSError):
            return

    def ranges(self, payload, at=0):
        while at < len(payload):
            start, include, at = unpack_oid(payload, at)
            end, _, at = unpack_oid(payload, at)
            yield start, include, end

    def after(self, start, include, end):
        oid = self.tables.next(start, include, end)
        return (oid, *self.tables.cells[oid]) if oid else (start, END, None)

    def handle(self, head, payload):
        kind, t = head[1], self.tables
        if kind == 5:
            self.respond(head, [(s, *t.cells.get(s, (NO_INSTANCE, None))) for s, _, _ in self.ranges(payload)])
        elif kind == 6:
            self.respond(head, [self.after(*r) for r in self.ranges(payload)])
        elif kind == 7:
            single, repeat = struct.unpack_from(">HH", payload)
            ranges, out = list(self.ranges(payload, 4)), []
            out += [self.after(*r) for r in ranges[:single]]
            rest = ranges[single:]
            for _ in range(repeat):
                row = [self.after(*r) for r in rest]
                out += row
                rest = [(b[0], 0, r[2]) for b, r in zip(row, rest)]
                if all(b[1] == END for b in row):
                    break
            self.respond(head, out)
        elif kind == 8:
            self.testing, at = [], 0
            while at < len(payload):
                binding, at = unpack_value(payload, at)
                self.testing.append(binding)
            refusal = t.test(self.testing)
            self.respond(head, [], *(refusal or (0, 0)))
        elif kind == 9:
            t.commit(self.testing)
            self.respond(head)
        elif kind in (10, 13):
            self.respond(head)


CONF = """agentAddress udp:127.0.0.1:%(port)d
master agentx
agentXSocket unix:%(dir)s/agentx
agentXPerms 0600
rwcommunity write-it 127.0.0.1
rocommunity read-only 127.0.0.1
createUser ft SHA "the auth password" AES "the priv password"
createUser plain SHA256 "the auth password"
rwuser ft priv
rwuser plain auth
sysDescr Test switch
"""


class Switch:
    """An snmpd of our own with the tables; wait_for comes from the caller so that this file needs nothing."""

    def __init__(self, folder, port, tables, wait_for):
        self.dir, self.port, self.tables = str(folder), port, tables
        os.makedirs(self.dir, exist_ok=True)
        conf = os.path.join(self.dir, "snmpd.conf")
        with open(conf, "w") as f:
            f.write(CONF % {"port": port, "dir": self.dir})
        self.log = open(os.path.join(self.dir, "snmpd.log"), "w")
        self.process = subprocess.Popen(
            ["/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c", conf, "-I", "-ifTable,ifXTable", "-p",
             os.path.join(self.dir, "snmpd.pid")], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
            env={**os.environ, "SNMP_PERSISTENT_DIR": self.dir, "MIBS": ""})
        wait_for("snmpd to take subagents", lambda: os.path.exists(os.path.join(self.dir, "agentx")))
        self.subagent = Subagent(os.path.join(self.dir, "agentx"), tables, (SFLOW12, SFLOW13, IF_TABLE, IFX_TABLE))

    def close(self):
        self.subagent.stop()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
