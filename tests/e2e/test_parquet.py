"""Sessions exported to a Parquet file are those that CSV has: read back by a reader of its own, and by DuckDB where npm has it."""
import csv
import io
import json
import os
import shutil
import struct
import subprocess

import pytest

import flowtrove

NUMBERS = {1: "<i", 2: "<q"}
READ = r"""
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const c = await (await DuckDBInstance.create(':memory:')).connect();
  const run = async (q) => (await c.runAndReadAll(q)).getRowObjectsJson();
  const f = process.argv[2];
  const types = await run(`DESCRIBE SELECT * FROM '${f}'`);
  const sums = await run(`SELECT count(*) n, sum(client_bytes) cb, sum(server_bytes) sb, sum(client_packets) cp,
    count(DISTINCT client_ip) ips, count(DISTINCT session_id) ids, min(epoch_us(first_us)) begin_us, max(epoch_us(last_us)) end_us,
    count(client_country) countries, sum(direction_disputed::int) disputed FROM '${f}'`);
  const top = await run(`SELECT server_port, sum(client_bytes) b FROM '${f}' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5`);
  console.log(JSON.stringify({ types, sums: sums[0], top }));
})();
"""


class Thrift:
    """Thrift's compact protocol, as far as Parquet's metadata goes."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 127) << shift
            shift += 7
            if b < 128:
                return value

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            n = self.varint()
            return n >> 1 ^ -(n & 1)
        if kind == 8:
            n = self.varint()
            self.at += n
            return self.data[self.at - n:self.at].decode()
        if kind == 9:
            head = self.byte()
            n = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.value(head & 15) for _ in range(n)]
        assert kind == 12, kind
        return self.struct()

    def struct(self):
        out, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return out
            last += head >> 4
            out[last] = self.value(head & 15)


def hybrid(data, at, end, bits, n):
    """RLE and bit-packed runs."""
    out, t = [], Thrift(data, at)
    while len(out) < n:
        assert t.at < end
        head = t.varint()
        if head & 1:
            size = (head >> 1) * bits
            word = int.from_bytes(data[t.at:t.at + size], "little")
            out += [word >> i * bits & (1 << bits) - 1 for i in range((head >> 1) * 8)]
            t.at += size
        else:
            size = (bits + 7) // 8
            out += [int.from_bytes(data[t.at:t.at + size], "little")] * (head >> 1)
            t.at += size
    return out[:n]


def plain(data, at, end, physical, n):
    if physical == 0:
        return [bool(data[at + i // 8] >> i % 8 & 1) for i in range(n)]
    if physical in NUMBERS:
        size = struct.calcsize(NUMBERS[physical])
        return [int.from_bytes(data[at + i * size:at + (i + 1) * size], "little") for i in range(n)]
    out = []
    for _ in range(n):
        size = int.from_bytes(data[at:at + 4], "little")
        out.append(data[at + 4:at + 4 + size].decode())
        at += 4 + size
    assert at <= end
    return out


def read(path):
    data = open(path, "rb").read()
    assert data[:4] == data[-4:] == b"PAR1"
    size = int.from_bytes(data[-8:-4], "little")
    meta = Thrift(data, len(data) - 8 - size).struct()
    names = [e[4] for e in meta[2][1:]]
    rows = []
    for group in meta[4]:
        columns = []
        for chunk in group[1]:
            m = chunk[3]
            words = None
            if 11 in m:
                t = Thrift(data, m[11])
                head = t.struct()
                words = plain(data, t.at, t.at + head[3], m[1], head[7][1])
            t = Thrift(data, m[9])
            head = t.struct()
            end, n = t.at + head[3], head[5][1]
            at = t.at + 4 + int.from_bytes(data[t.at:t.at + 4], "little")
            levels = hybrid(data, t.at + 4, at, 1, n)
            there = sum(levels)
            values = iter([words[i] for i in hybrid(data, at + 1, end, data[at], there)] if words is not None
                          else plain(data, at, end, m[1], there))
            columns.append([next(values) if x else None for x in levels])
        rows += zip(*columns)
    assert len(rows) == meta[3]
    return names, rows


@pytest.fixture(scope="module")
def exported(wire, folder):
    instance = wire
    sent = flowtrove.Traffic(folder, instance.flow_port, 3000, start=1730000000, source="127.10.0.1").wait()
    instance.wait_flows(sent.sent["records"], sent.span)
    path = os.path.join(folder, "it's.parquet")  # a name that has to be quoted nowhere
    instance.ask("ftsq", "-parquet", path, *instance.frame(sent.span))
    text = instance.ask("ftsq", "-C", *instance.frame(sent.span))
    lines = list(csv.reader(io.StringIO(text)))
    return path, lines[0], [r for r in lines[1:] if len(r) == len(lines[0])]


def test_every_cell_of_the_file_is_that_of_csv(exported):
    path, head, want = exported
    names, rows = read(path)
    assert names == head and len(rows) == len(want) >= 3000
    place = head.index("session_id")
    mine = {str(r[place]): r for r in rows}
    for w in want:
        got = ["" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in mine[w[place]]]
        assert got == [x if x not in ("True", "False") else x.lower() for x in w]
    assert not os.path.exists(path + ".part")


def test_duckdb_reads_the_file(exported, folder):
    path, head, want = exported
    place = os.path.join(flowtrove.ROOT, "build", "duckdb")
    if not os.path.isdir(os.path.join(place, "node_modules", "@duckdb", "node-api")):
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed: DuckDB can't be asked")
        os.makedirs(place, exist_ok=True)
        r = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", place, "@duckdb/node-api@1.5.6-r.1"],
                           capture_output=True, text=True, timeout=120)
        if r.returncode != 0:
            pytest.skip("npm can't install @duckdb/node-api: " + r.stderr[-200:])
    plain_path = os.path.join(folder, "sessions.parquet")
    shutil.copy(path, plain_path)
    script = os.path.join(place, "read.js")
    open(script, "w").write(READ)
    r = subprocess.run(["node", script, plain_path], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    got = json.loads(r.stdout)
    rows = [dict(zip(head, w)) for w in want]
    types = {t["column_name"]: t["column_type"] for t in got["types"]}
    assert types["session_id"] == "UBIGINT" and types["server_port"] == "UINTEGER" and types["client_ip"] == "VARCHAR"
    assert types["first_us"].startswith("TIMESTAMP") and types["direction_disputed"] == "BOOLEAN"
    s = {k: int(v) for k, v in got["sums"].items()}
    assert s["n"] == len(rows) == s["ids"]
    assert s["cb"] == sum(int(r["client_bytes"]) for r in rows) and s["sb"] == sum(int(r["server_bytes"]) for r in rows)
    assert s["cp"] == sum(int(r["client_packets"]) for r in rows) and s["ips"] == len({r["client_ip"] for r in rows})
    assert s["begin_us"] == min(int(r["first_us"]) for r in rows) and s["end_us"] == max(int(r["last_us"]) for r in rows)
    assert s["countries"] == sum(bool(r["client_country"]) for r in rows)
    ports = {}
    for r in rows:
        ports[int(r["server_port"])] = ports.get(int(r["server_port"]), 0) + int(r["client_bytes"])
    assert [(int(t["server_port"]), int(t["b"])) for t in got["top"]] == sorted(ports.items(), key=lambda x: (-x[1], x[0]))[:5]


def test_a_file_that_cannot_be_written_is_said(wire):
    r = wire.run("ftsq", "-parquet", "/nowhere/x.parquet")
    assert r.returncode == 1 and "/nowhere/x.parquet.part can't be written" in r.stderr
