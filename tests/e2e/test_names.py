"""Names that exporters tell: of applications in option tables and in records, of interfaces, with the time they were true."""
import signal
import socket
import struct

from flowtrove import wait_for

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


# -- interfaces

INTERFACES = PLAIN + ((10, 4), (14, 4))


def interface_names(x, **by_index):
    """Option records interface -> name, description; scope interface."""
    return x.set(262, b"".join(struct.pack(">I", int(i[1:])) + n.encode().ljust(16, b"\0") + d.encode().ljust(24, b"\0")
                               for i, (n, d) in by_index.items()))


def router(instance, address, start):
    x = V9(instance, address, start)
    x.send(x.options(262, [(2, 4)], [(82, 16), (83, 24)]), x.template(263, INTERFACES))
    return x


def through(x, client, inside, outside, octets):
    return x.flow(263, client, 443, struct.pack(">II", inside, outside), octets)


def test_interfaces_are_shown_and_found_by_the_name_of_the_time(instance):
    x = router(instance, "127.21.0.1", 1760800000)
    x.send(interface_names(x, i3=("Gi0/3", "to the provider"), i4=("Gi0/4", "lan")), through(x, "10.2.0.1", 4, 3, 1000))
    instance.wait_flows(1, x.span)
    x.start += 3600  # renumbered
    x.send(interface_names(x, i3=("Te1/1", "spare")))
    x.start += 60
    later = x.span
    x.send(through(x, "10.2.0.2", 4, 3, 50))
    instance.wait_flows(1, later)
    both = (later[0] - 3700 * 1000000, later[1])
    rows = {s["client_ip"]: (s["in_if_name"], s["out_if_name"]) for s in instance.session_objects(both)}
    assert rows == {"10.2.0.1": ("Gi0/4", "Gi0/3"), "10.2.0.2": ("Gi0/4", "Te1/1")}
    for where, clients in (("OUTIF == Gi0/3", ["10.2.0.1"]), ('OUTIF == "te*"', ["10.2.0.2"]), ("INIF == gi0/3", []),
                           ('IFACE == "gi*"', ["10.2.0.1", "10.2.0.2"]), ('IFACE == "*provider*"', ["10.2.0.1"]),
                           ("IFACE in (3, nosuch)", ["10.2.0.1", "10.2.0.2"])):
        assert sorted(s["client_ip"] for s in instance.session_objects(both, where)) == clients, where
    labels = {r["key"]: r["label"] for r in instance.view("EXPIF", span=both)["rows"]}
    assert labels == {"127.21.0.1/3": "Te1/1 (before: Gi0/3)", "127.21.0.1/4": "Gi0/4"}
    assert {r["key"]: r["label"] for r in instance.view("IF", span=later, where="IFACE == Te1/1")["rows"]} == {
        "3": "127.21.0.1 Te1/1"}
    assert [r["label"] for r in instance.view("EXPIFPAIR", span=later)["rows"]] == ["Te1/1 - Gi0/4"]


def test_a_vrf_is_shown_and_found_by_its_name(instance):
    x, y = (V9(instance, "127.21.0.%d" % i, 1760950000) for i in (5, 6))
    for e, names in ((x, {1: "customer-a", 2: "management"}), (y, {1: "internet"})):
        e.send(e.options(264, [(1, 4)], [(234, 4), (236, 16)]), e.template(265, PLAIN + ((234, 4),)))
        e.send(e.set(264, b"".join(struct.pack(">II", 0, i) + n.encode().ljust(16, b"\0") for i, n in names.items())))
    for e, client, vrf in ((x, "10.5.0.1", 1), (x, "10.5.0.2", 2), (x, "10.5.0.3", 9), (y, "10.5.0.4", 1)):
        e.send(e.flow(265, client, 443, struct.pack(">I", vrf)))
    instance.wait_flows(4, x.span)
    rows = {s["client_ip"]: (s["vrf_id"], s["vrf_name"]) for s in instance.session_objects(x.span)}
    assert rows == {"10.5.0.1": (1, "customer-a"), "10.5.0.2": (2, "management"), "10.5.0.3": (9, None), "10.5.0.4": (1, "internet")}
    for where, clients in (("VRF == customer-a", "1"), ("VRF == CUSTOMER-A", "1"), ("VRF == 1", "14"), ("VRF in (management, 9)", "23"),
                           ('VRF == "*m*"', "12"), ("VRF != internet", "123"), ("VRF > 1", "23"), ("VRF == nosuch", "")):
        assert sorted(s["client_ip"][-1] for s in instance.session_objects(x.span, where)) == list(clients), where
    assert "id of a VRF" in instance.run("ftsq", "-q", "VRF > internet").stderr
    # names outlive a kill, and hold for what comes after it
    instance.wait_restarted("ingest", instance.kill("ingest", signal.SIGKILL))
    y.send(y.flow(265, "10.5.0.5", 443, struct.pack(">I", 1)))
    instance.wait_flows(5, x.span)
    assert {s["client_ip"] for s in instance.session_objects(x.span, "VRF == internet")} == {"10.5.0.4", "10.5.0.5"}
    shown = instance.ask("ft-ctl", "exporters", "127.21.0.5", "-c", instance.conf, user=None)
    assert "VRF 1: customer-a" in shown and "VRF 2: management" in shown and "told of none" in shown
    assert "customer-a" not in ctl(instance)


def ctl(instance, *args):
    return instance.ask("ft-ctl", "interfaces", *args, "-c", instance.conf, user=None)


def test_roles_count_traffic_at_the_border_only(instance):
    edge, core = router(instance, "127.21.0.2", 1760900000), router(instance, "127.21.0.3", 1760900000)
    edge.send(interface_names(edge, i1=("ge-0/0/1", "ISP one"), i2=("ge-0/0/2", "core")))
    core.send(interface_names(core, i1=("ge-0/0/1", "edge"), i2=("ge-0/0/2", "lan")))
    # one flow that both routers see, and one that never leaves the network
    edge.send(through(edge, "10.3.0.1", 2, 1, 4000))
    core.send(through(core, "10.3.0.1", 2, 1, 4000), through(core, "10.3.0.2", 2, 7, 600))
    instance.wait_flows(3, edge.span)
    assert ctl(instance, "rules").startswith("there are no rules")
    assert instance.view("IP", span=edge.span)["total"]["bytes"] == 8600
    assert instance.view("IP", span=edge.span, more=["-border"])["total"]["bytes"] == 0
    assert ctl(instance, "role", "external", "description", "isp*") == "rule 1\n"
    ctl(instance, "role", "internal", "name", "ge-*", "at", "127.21.0.3")
    view = instance.view("IP", span=edge.span, more=["-border"])
    assert view["total"]["bytes"] == 4000 and {r["key"] for r in view["rows"]} == {"10.3.0.1", "10.9.0.1"}
    for where, octets in (("IFROLE(out) == external", 4000), ("IFROLE(in) == external", 0), ("OUTROLE == external", 4000),
                          ("IFROLE == internal", 4600), ("IFROLE(out) == unknown", 600), ("IFROLE(any) != external", 4600)):
        assert instance.totals(edge.span, where)["bytes"] == octets, where
    # by hand, an interface nobody told of; outlives a kill
    ctl(instance, "role", "external", "127.21.0.3", "7")
    instance.wait_restarted("ingest", instance.kill("ingest", signal.SIGKILL))
    wait_for("ingest to answer", lambda: instance.run("ft-ctl", "interfaces", "rules", "-c", instance.conf).returncode == 0)
    assert instance.totals(edge.span, "IFROLE(out) == external")["bytes"] == 4600
    shown = ctl(instance, "127.21.0.2")
    assert "ge-0/0/1" in shown and "external" in shown and "127.21.0.3" not in shown
    for number in (1, 2, 3):
        ctl(instance, "forget", number)
    assert instance.totals(edge.span, "IFROLE == external")["bytes"] == 0
    bad = instance.run("ft-ctl", "interfaces", "role", "inside", "name", "x", "-c", instance.conf, user=None)
    assert bad.returncode == 1 and "external, internal or none" in bad.stderr
    assert instance.run("ftsq", "-q", "IFROLE(up) == external").stderr.find("in, out or any") > 0


def test_a_file_names_what_exporters_do_not(instance):
    x = V9(instance, "127.21.0.4", 1761000000)
    x.send(x.template(263, INTERFACES))
    path = instance.dir + "/interfaces.txt"
    with open(path, "w") as f:
        f.write('127.21.0.4 11 "wan 1" 10G "to the provider"\n')
    instance.configure({"netflow/interfacesfile": path})
    instance.kill("ingest", signal.SIGHUP)
    wait_for("the file to be read", lambda: "wan 1" in ctl(instance))
    x.send(through(x, "10.4.0.1", 11, 12, 1))
    instance.wait_flows(1, x.span)
    assert [(s["in_if_name"], s["out_if_name"]) for s in instance.session_objects(x.span)] == [("wan 1", None)]
