"""Names that exporters tell: of applications in option tables and in records; what a port says where nothing else does."""
import signal
import socket
import struct

PLAIN = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (22, 4), (21, 4))
NBAR = ((95, 4),)
PALO_ALTO = ((56701, 32), (56702, 64))


class V9:
    """An exporter of NetFlow 9 at an address of its own."""

    def __init__(self, instance, address, start):
        self.target, self.start, self.sequence, self.flows = ("127.0.0.1", instance.flow_port), start, 0, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))

    def send(self, *sets):
        self.sequence += 1
        header = struct.pack(">HHIIII", 9, len(sets), 1000000, self.start, self.sequence, 7)
        self.socket.sendto(header + b"".join(sets), self.target)

    @staticmethod
    def set(number, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack(">HH", number, 4 + len(body)) + body

    def template(self, number, fields):
        return self.set(0, struct.pack(">HH", number, len(fields)) + b"".join(struct.pack(">HH", *f) for f in fields))

    def options(self, number, scope, fields):
        """scope and fields: [(type, length)]"""
        return self.set(1, struct.pack(">HHH", number, 4 * len(scope), 4 * len(fields)) +
                        b"".join(struct.pack(">HH", *f) for f in scope + fields))

    def flow(self, number, client, port, more, octets=1000, server="10.9.0.1", proto=6):
        self.flows += 1
        return self.set(number, socket.inet_aton(client) + socket.inet_aton(server) +
                        struct.pack(">HHBIIII", 40000 + self.flows, port, proto, octets, 2, 990000, 995000) + more)

    @property
    def span(self):
        return (self.start - 60) * 1000000, (self.start + 60) * 1000000


def application(engine, selector):
    return struct.pack(">I", engine << 24 | selector)


def table(exporter, **names):
    """Option records application -> name."""
    return exporter.set(261, b"".join(struct.pack(">I", 1) + application(13, n) + name.encode().ljust(24, b"\0")
                                      for name, n in names.items()))


def nbar(instance, address, start):
    x = V9(instance, address, start)
    x.send(x.options(261, [(1, 4)], [(95, 4), (96, 24)]), x.template(260, PLAIN + NBAR))
    return x


def names(instance, x, where=None):
    return {(s["client_ip"], s["app_name"], s["app_id"]) for s in instance.session_objects(x.span, where)}


def test_names_of_an_option_table_are_stored_filtered_and_ranked(instance):
    x = nbar(instance, "127.20.0.1", 1760100000)
    x.send(table(x, youtube=70, **{"ms-office-365": 1431}))
    x.send(x.flow(260, "10.1.0.1", 443, application(13, 70), 5000), x.flow(260, "10.1.0.2", 443, application(13, 1431), 300),
           x.flow(260, "10.1.0.3", 443, application(13, 99), 70))
    instance.wait_flows(3, x.span)
    assert names(instance, x) == {("10.1.0.1", "youtube", "13:70"), ("10.1.0.2", "ms-office-365", "13:1431"),
                                  ("10.1.0.3", None, "13:99")}
    for where, clients in (("APP == YouTube", ["10.1.0.1"]), ("APP == 13:1431", ["10.1.0.2"]), ("APP == 13:99", ["10.1.0.3"]),
                           ('APP in ("ms-office-365", youtube)', ["10.1.0.1", "10.1.0.2"]), ("APP == https", []),
                           ("APP != youtube", ["10.1.0.2", "10.1.0.3"])):
        assert sorted(c for c, _, _ in names(instance, x, where)) == clients, where
    view = instance.view("APP", span=x.span)
    assert [(r["key"], r["value"]) for r in view["rows"]] == [("youtube", 5000), ("ms-office-365", 300), ("13:99", 70)]


def test_names_outlive_restarts_and_kills_between_table_and_data(instance):
    x = nbar(instance, "127.20.0.2", 1760200000)
    x.send(table(x, webex=414))
    x.send(x.flow(260, "10.1.1.1", 443, application(13, 414)))
    instance.wait_flows(1, x.span)
    instance.down()
    instance.up()
    x.send(x.flow(260, "10.1.1.2", 443, application(13, 414)))
    instance.wait_flows(2, x.span)
    for daemon in ("ingest", "store", "tracker"):
        instance.wait_restarted(daemon, instance.kill(daemon, signal.SIGKILL))
    x.send(x.flow(260, "10.1.1.3", 443, application(13, 414)))
    instance.wait_flows(3, x.span)
    assert {(c, n) for c, n, _ in names(instance, x)} == {("10.1.1.%d" % i, "webex") for i in (1, 2, 3)}


def test_a_session_keeps_the_name_that_was_true_when_its_flows_came(instance):
    x = nbar(instance, "127.20.0.3", 1760300000)
    x.send(table(x, **{"custom-1": 500}))
    x.send(x.flow(260, "10.1.2.1", 443, application(13, 500)))
    # the table changes, and the very next set of the same datagram is of the new name
    x.send(table(x, payroll=500), x.flow(260, "10.1.2.2", 443, application(13, 500)))
    instance.wait_flows(2, x.span)
    assert {(c, n) for c, n, _ in names(instance, x)} == {("10.1.2.1", "custom-1"), ("10.1.2.2", "payroll")}


def test_two_exporters_may_call_one_number_differently(instance):
    a, b = nbar(instance, "127.20.0.4", 1760400000), nbar(instance, "127.20.0.5", 1760400000)
    a.send(table(a, alpha=600))
    b.send(table(b, beta=600))
    a.send(a.flow(260, "10.1.3.1", 443, application(13, 600)))
    b.send(b.flow(260, "10.1.3.2", 443, application(13, 600)))
    instance.wait_flows(2, a.span)
    assert {(c, n) for c, n, _ in names(instance, a)} == {("10.1.3.1", "alpha"), ("10.1.3.2", "beta")}


def test_palo_alto_names_the_application_in_the_record(instance):
    x = V9(instance, "127.20.0.6", 1760500000)
    x.send(x.template(270, PLAIN + PALO_ALTO))
    user = b"corp\\alice".ljust(64, b"\0")
    x.send(x.flow(270, "10.1.4.1", 443, b"web-browsing".ljust(32, b"\0") + user),
           x.flow(270, "10.1.4.2", 53, b"\0" * 32 + user, proto=17),
           x.flow(270, "10.1.4.3", 443, b"x" * 31 + b"\xff" + user))
    instance.wait_flows(3, x.span)
    assert names(instance, x) == {("10.1.4.1", "web-browsing", None), ("10.1.4.2", "domain", None),
                                  ("10.1.4.3", "x" * 31 + "?", None)}
    assert names(instance, x, "APP == WEB-BROWSING") == {("10.1.4.1", "web-browsing", None)}
    assert {r["key"] for r in instance.view("APP", span=x.span)["rows"]} == {"web-browsing", "domain", "x" * 31 + "?"}


def test_the_servers_port_names_what_no_exporter_did(instance):
    x = V9(instance, "127.20.0.7", 1760600000)
    x.send(x.template(271, PLAIN))
    x.send(x.flow(271, "10.1.5.1", 22, b""), x.flow(271, "10.1.5.2", 123, b"", proto=17), x.flow(271, "10.1.5.3", 31999, b""))
    instance.wait_flows(3, x.span)
    assert {(c, n) for c, n, _ in names(instance, x)} == {("10.1.5.1", "ssh"), ("10.1.5.2", "ntp"), ("10.1.5.3", None)}
    assert {c for c, _, _ in names(instance, x, "APP == SSH")} == {"10.1.5.1"}
    assert {r["key"] for r in instance.view("APP", span=x.span)["rows"]} == {"ssh", "ntp", "31999/TCP"}
