"""A hundred thousand exporters that do not exist: bounds hold, and a real one among them loses nothing."""
import socket
import struct

from flowtrove import wait_for

SPOOFED, BATCH = 100000, 20000
EXPORTERS, TEMPLATES = 4096, 65536  # netflow/maxexporters; what template.c keeps at most, of all exporters of a port
GROWTH = 300 << 20  # templates, waiting sets (netflow/maxwaiting 16 MB), names and sources, all at their bounds
FIELDS = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4)]


def template_set(ids):
    body = b"".join(struct.pack(">HH", i, len(FIELDS)) + b"".join(struct.pack(">HH", *f) for f in FIELDS) for i in ids)
    return struct.pack(">HH", 0, 4 + len(body)) + body


def rate_set(rate):
    template = struct.pack(">HHHHHHH", 400, 4, 4, 1, 4, 34, 4)
    data = struct.pack(">II", 0, rate)
    return struct.pack(">HH", 1, 4 + len(template)) + template + struct.pack(">HH", 400, 4 + len(data)) + data


def data_set(number, flows):
    body = b"".join(socket.inet_aton("10.4.%d.%d" % (i >> 8 & 255, i & 255)) + socket.inet_aton("192.0.2.4") +
                    struct.pack(">HHBII", 2000, 443, 6, 1000, 2) for i in flows)
    return struct.pack(">HH", number, 4 + len(body)) + body


def v9(sequence, sets, domain=0):
    return struct.pack(">HHIIII", 9, 1, 1000000, 1750000000, sequence, domain) + sets


class Sender:
    """One socket that sends from any loopback address."""

    def __init__(self, port):
        self.socket, self.port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), port

    def send(self, source, payload):
        info = struct.pack("i4s4s", 0, socket.inet_aton(source), bytes(4))
        self.socket.sendmsg([payload], [(socket.IPPROTO_IP, 8, info)], 0, ("127.0.0.1", self.port))  # 8: IP_PKTINFO


def resident(pid):
    return next(int(line.split()[1]) for line in open("/proc/%d/status" % pid) if line.startswith("VmRSS")) * 1024


def test_a_real_exporter_goes_on_in_a_flood_of_spoofed_ones(launch):
    instance = launch("flood")
    sender, real, sent, flows = Sender(instance.flow_port), "127.4.0.1", 0, 0
    sender.send(real, v9(0, template_set([300]) + rate_set(10)))
    wait_for("the real exporter to be known", lambda: instance.counter("ingest", "exporters") == 1)
    pid = instance.running("ingest")
    before = resident(pid)
    # what a spoofed one sends: templates, a name, data of its own, data whose template never comes
    junk = template_set(range(256, 286)) + rate_set(1000) + data_set(256, [1]) + data_set(999, range(8))
    less = template_set([256]) + data_set(256, [1])  # once every bound is reached
    for i in range(SPOOFED):
        sender.send("127.%d.%d.%d" % (100 + (i >> 16), i >> 8 & 255, i & 255), v9(0, junk if i < 2 * EXPORTERS else less, domain=i % 7))
        sent += 1
        if i % 100 == 50:
            sender.send(real, v9(1 + flows, data_set(300, [flows])))
            flows += 1
        if i % BATCH == BATCH - 1:
            wait_for("the flood to be taken", lambda: instance.counter("ingest", "datagrams") == 1 + sent + flows, seconds=60)
    counters = {name: instance.counter("ingest", name) for name in (
        "exporters", "templates", "exporters_refused", "kernel_drops", "bad_datagrams", "sets_dropped")}
    assert counters["exporters"] == EXPORTERS
    assert counters["exporters_refused"] == SPOOFED - EXPORTERS + 1
    assert counters["templates"] <= TEMPLATES and counters["kernel_drops"] == counters["bad_datagrams"] == 0
    assert instance.running("ingest") == pid
    assert resident(pid) - before < GROWTH, (before, resident(pid))
    # the real one changes its rate and its template as if nothing was
    sender.send(real, v9(1 + flows, rate_set(20) + template_set([300]) + data_set(300, [flows])))
    flows += 1
    span, ours = (1749990000000000, 1750010000000000), "EXPIP == " + real
    total = instance.wait_flows(flows, span, where=ours)
    assert (total["flows"], total["bytes"]) == (flows, (flows - 1) * 10000 + 20000)
