"""The exporters of others (softflowd, nfreplay, pmacct's nfprobe and sfprobe) and encoders of our own, all to one running
system: every exporter's sessions are the packets that were on the wire."""
import collections
import glob
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

import captured
import pcapfile

CONVERSATIONS = 60
AGENT = "192.0.2.77"


class Maker:
    """A program that exports to a socket of ours: its datagrams once it has ended."""

    def __init__(self, folder, command):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.process = subprocess.Popen(command(self.socket.getsockname()[1]), cwd=folder, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def datagrams(self):
        out, end = [], time.monotonic() + 60
        while time.monotonic() < end:
            try:
                out.append(self.socket.recv(65536))
            except socket.timeout:
                if self.process.poll() is not None:
                    self.socket.close()
                    return out
        self.process.kill()
        self.process.wait()
        raise AssertionError("%r did not end" % self.process.args)


def softflowd(capture, version):
    return lambda port: ["softflowd", "-d", "-r", capture, "-n", "127.0.0.1:%d" % port, "-v", str(version), "-m", "60000",
                         "-p", "softflowd.%d.pid" % version, "-c", "none"]


def pmacctd(folder, capture, name, plugin, lines):
    path = os.path.join(folder, name + ".conf")

    def command(port):
        with open(path, "w") as f:
            f.write("daemonize: false\npcap_savefile: %s\nplugins: %s\n"
                    "aggregate: src_host,dst_host,src_port,dst_port,proto,tcpflags,tos\n%s\n" %
                    (capture, plugin, lines % port))
        return ["pmacctd", "-f", path]
    return command


def programs(folder, capture):
    """{name: command(port)} of what is installed."""
    out = {}
    if shutil.which("softflowd"):
        out.update({"softflowd-v%d" % v: softflowd(capture, v) for v in (1, 5, 9, 10)})
    if shutil.which("pmacctd"):
        for v in (5, 9, 10):
            out["nfprobe-v%d" % v] = pmacctd(folder, capture, "nfprobe%d" % v, "nfprobe",
                                             "nfprobe_receiver: 127.0.0.1:%%d\nnfprobe_version: %d\n"
                                             "nfprobe_timeouts: tcp=1:maxlife=3600" % v)
        out["sfprobe"] = pmacctd(folder, capture, "sfprobe", "sfprobe",
                                 "sfprobe_receiver: 127.0.0.1:%%d\nsfprobe_agentip: %s\nsampling_rate: 1" % AGENT)
    if shutil.which("nfreplay") and shutil.which("nfpcapd"):
        made = os.path.join(folder, "nfpcapd")
        os.mkdir(made)
        subprocess.run(["nfpcapd", "-r", capture, "-w", made, "-t", "3600"], check=True, capture_output=True, timeout=60)
        files = sorted(glob.glob(made + "/nfcapd.2*"))
        for v in (5, 9):
            for i, f in enumerate(files):
                out["nfreplay-v%d/%d" % (v, i)] = lambda port, f=f, v=v: [
                    "nfreplay", "-r", f, "-H", "127.0.0.1", "-p", str(port), "-v", str(v)]
    return out


# ---- encoders of our own: one record a direction -------------------------------------------------------------------

def fixed(version, flows, start_us):
    """NetFlow 1 or 7 datagrams of [(src, dst, proto, sport, dport, packets, bytes, first_us, last_us, flags)], IPv4."""
    out, sequence = [], 0
    secs, uptime = start_us // 1000000 + 200, 10000000
    for at in range(0, len(flows), 24):
        part = flows[at:at + 24]
        head = struct.pack(">HHIII", version, len(part), uptime, secs, 0)
        head += struct.pack(">II", sequence, 0) if version == 7 else b""
        sequence += len(part)
        body = b""
        for src, dst, proto, sport, dport, packets, size, first, last, flags in part:
            stamps = [uptime - (secs * 1000 - us // 1000) for us in (first, last)]
            body += socket.inet_aton(src) + socket.inet_aton(dst) + bytes(4) + struct.pack(
                ">HHIIIIHH", 3, 4, packets, size, *stamps, sport, dport)
            body += struct.pack(">BBBBHHBBHI", 0, flags, proto, 0, 0, 0, 0, 0, 0, 0xc0000201) if version == 7 else \
                struct.pack(">HBBB7x", 0, proto, 0, flags)
        out.append(head + body)
    return out


def one_way(packets):
    """What a router would have counted: the flows of a capture's IPv4 packets."""
    flows = {}
    for us, frame in packets:
        if frame[12:14] != b"\x08\x00":
            continue
        ip, proto = frame[14:], frame[23]
        ports = struct.unpack(">HH", ip[20:24]) if proto in (6, 17) else (0, ip[20] << 8 | ip[21])
        key = (socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]), proto, *ports)
        f = flows.setdefault(key, [0, 0, us, us, 0])
        f[0] += 1
        f[1] += len(ip)
        f[2], f[3] = min(f[2], us), max(f[3], us)
        f[4] |= ip[33] if proto == 6 else 0
    return [key + tuple(f) for key, f in flows.items()]


# ---- truth ---------------------------------------------------------------------------------------------------------

def truth(packets, v6):
    """(packets, bytes, Counter of TCP and UDP sessions with the figures of both sides)"""
    total, sessions = [0, 0], collections.defaultdict(lambda: [0, 0, 0, 0])
    for _, frame in packets:
        six, ip = frame[12:14] == b"\x86\xdd", frame[14:]
        if six and not v6:
            continue
        total[0] += 1
        total[1] += len(ip)
        proto, head, ends = (ip[6], 40, (ip[8:24], ip[24:40])) if six else (ip[9], 20, (ip[12:16], ip[16:20]))
        if proto not in (6, 17):
            continue
        src, dst = (str(ipaddress.ip_address(e)) for e in ends)
        sport, dport = struct.unpack(">HH", ip[head:head + 4])
        back = src.startswith(("192.0.2.", "2001:db8:5:"))
        s = sessions[(proto, dst, dport, src, sport) if back else (proto, src, sport, dst, dport)]
        s[2 * back] += 1
        s[2 * back + 1] += len(ip)
    return total[0], total[1], {k: tuple(v) for k, v in sessions.items()}


@pytest.fixture(scope="module")
def sent(wire):
    """(packets, {exporter address: (name, flows sent)}, sessions by exporter)"""
    instance, folder = wire, os.path.join(wire.dir, "programs")
    os.mkdir(folder)
    start = (int(time.time()) - 400) * 1000000
    capture = pcapfile.conversations(start, CONVERSATIONS, seed=3)
    path = os.path.join(folder, "traffic.pcap")
    capture.write(path)
    made = {name: Maker(folder, command) for name, command in programs(folder, path).items()}
    exports = collections.defaultdict(list)
    for name, maker in made.items():
        exports[name.split("/")[0]] += maker.datagrams()
    flows = one_way(capture.packets)
    exports.update({"own-v1": fixed(1, flows, start), "own-v7": fixed(7, flows, start)})
    senders, names = captured.Senders(), {}
    for i, (name, datagrams) in enumerate(exports.items()):
        assert datagrams, name + " sent nothing"
        files = []
        for k, d in enumerate(datagrams):
            senders.send("127.8.0.%d" % (i + 1), d, instance.base + 4 if name == "sfprobe" else instance.flow_port)
            files.append(os.path.join(folder, "%s.%d" % (name, k)))
            with open(files[-1], "wb") as f:
                f.write(d)
        names["127.8.0.%d" % (i + 1)] = name, len(captured.decode(files, "udp-payload")[0])
    senders.close()
    span = start - 3600000000, start + 7200000000
    ours = "EXPIP == 127.8.0.0/24"
    instance.wait_flows(sum(n for _, n in names.values()), span, where=ours)
    sessions = collections.defaultdict(list)
    for s in instance.session_objects(span, ours):
        sessions[s["exporter_ip"]].append(s)
    return capture.packets, names, sessions


def test_every_exporters_figures_are_those_of_the_packets(sent):
    packets, names, sessions = sent
    assert set(sessions) == set(names)
    for exporter, (name, flows) in names.items():
        mine = sessions[exporter]
        want = truth(packets, v6=name.split("-v")[-1] not in ("1", "5", "7"))
        total = [sum(s[e + what] for s in mine for e in ("client_", "server_")) for what in ("packets", "bytes", "flows")]
        if name == "sfprobe":  # its last few samples are still in its buffer when it ends
            assert want[0] - 8 <= total[0] <= want[0] and total[2] == flows
            continue
        assert total == [want[0], want[1], flows], name


def test_every_session_has_the_packets_of_its_two_sides(sent):
    packets, names, sessions = sent
    for exporter, (name, _) in names.items():
        if name == "sfprobe":
            continue
        want = truth(packets, v6=name.split("-v")[-1] not in ("1", "5", "7"))[2]
        got = {(s["proto"], s["client_ip"], s["client_port"], s["server_ip"], s["server_port"]):
               (s["client_packets"], s["client_bytes"], s["server_packets"], s["server_bytes"])
               for s in sessions[exporter] if s["proto"] in (6, 17)}
        different = {k: (got.get(k), want.get(k)) for k in got.keys() | want.keys() if got.get(k) != want.get(k)}
        assert not different, "%s: %r" % (name, list(different.items())[:3])


def test_all_of_them_are_installed(sent):
    _, names, _ = sent
    missing = {"softflowd", "nfreplay", "nfprobe", "sfprobe"} - {n.split("-")[0] for n, _ in names.values()}
    if missing:
        pytest.skip("not installed: %s" % ", ".join(sorted(missing)))
