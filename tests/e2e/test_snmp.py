"""ft-snmp against Debian's snmpd: what is written where in both sFlow MIBs, refreshing, what is said of each refusal, who
may read the secrets, names of interfaces."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

import agentx
from agentx import Tables
from flowtrove import BIN, Instance, free_ports, wait_for

PORTS = [(1, "ge1", "GigabitEthernet 1", "uplink é", 10**9), (2, "ge2", "GigabitEthernet 2", "", 10**11),
         (17, "lag1", "Aggregate 1", "to core", 2 * 10**10)]
SECRETS = ("write-it", "read-only", "the auth password", "the priv password")
V3 = ("version=3", "user=ft")


class Agent:
    def __init__(self, folder, name, port):
        self.tables = Tables()
        self.switch = agentx.Switch(os.path.join(folder, name), port, self.tables, wait_for)
        self.port = port

    def clear(self):
        """As the switch was at its start."""
        t = self.tables
        with t.lock:
            t.cells, t.order, t.sets, t.refuse = {}, [], [], {}
            t.round = lambda rate: rate
        return t


@pytest.fixture(scope="module")
def agent(folder):
    a = Agent(folder, "agent", free_ports(1))
    yield a
    a.switch.close()


CONF = """instance ftsnmp-%d
rundir %s/run
statedir %s/state
peakflows 1000
<netflow>
	netflowport %d
	listenaddress localhost
</netflow>
<sflow>
	sflowport 16343 16344
</sflow>
<snmp>
	timeout 1
	retries 0
	refresh 600
</snmp>
"""


class Alone(Instance):
    """ft-snmp without the others: it needs none of them."""

    def __init__(self, folder):
        self.dir = str(folder)
        self.conf, self.base = os.path.join(self.dir, "flowtrove.conf"), 9
        os.makedirs(self.dir)
        with open(self.conf, "w") as f:
            f.write(CONF % (os.getpid(), self.dir, self.dir, free_ports(1)))
        self.start()

    def start(self):
        self.output = open(os.path.join(self.dir, "log"), "a")
        before = self.log("snmp").count("ready (")
        self.process = subprocess.Popen([os.path.join(BIN, "ft-snmp"), "-c", self.conf, "-f"], stderr=self.output,
                                        stdin=subprocess.DEVNULL)
        wait_for("ft-snmp to be ready", lambda: self.log("snmp").count("ready (") > before)

    def log(self, name):
        return open(os.path.join(self.dir, "log")).read()

    def read_again(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.output.close()
        return code


@pytest.fixture(scope="module")
def system(folder):
    i = Alone(os.path.join(folder, "snmp"))
    yield i
    assert i.end() == 0
    shutil.rmtree(i.shm, ignore_errors=True)


def ctl(system, *args, secrets=None, good=True):
    """ft-ctl switches …; its words."""
    r = system.run("ft-ctl", "switches", *args, "-c", system.conf, *(["-s", "-"] if secrets is not None else []),
                   user=None, input=secrets, timeout=60)
    assert (r.returncode == 0) == good, (r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def listed(system, address="127.0.0.1"):
    found = json.loads(ctl(system, "-j"))["switches"]
    return next((s for s in found if s["address"] == address), None)


@pytest.fixture
def tables(system, agent):
    """Empty tables, and no registration left by an earlier test."""
    if listed(system):
        ctl(system, "forget", "127.0.0.1")
    return agent.clear()


def register(system, agent, *more, secrets="write-it\n", good=True):
    return ctl(system, "set", "127.0.0.1", "port=%d" % agent.port, *more, secrets=secrets, good=good)


def owner_of(system):
    return listed(system)["owner"].encode()


def test_the_newer_mib_is_told_who_where_and_how_often(system, agent, tables):
    tables.add_13([p[0] for p in PORTS])
    tables.add_interfaces(PORTS)
    said = register(system, agent, "sampling=256", "counters=20", "destination=10.9.8.7", "destination_port=6999",
                    "header=96", "datagram=1300")
    assert "registered" in said and "3 of 3 interfaces" in said and "1 in 256" in said
    who = owner_of(system)
    assert who.startswith(b"Flowtrove ")
    assert [tables.value(*Tables.receiver(c, 1)) for c in range(2, 9)] == \
        [who, 1800, 1300, 1, bytes([10, 9, 8, 7]), 6999, 5]
    assert tables.value(*Tables.receiver(2, 2)) == b"", "one receiver is enough"
    for port in (1, 2, 17):
        assert [tables.value(*Tables.sampler(c, port)) for c in (3, 4, 5)] == [1, 256, 96]
        assert [tables.value(*Tables.poller(c, port)) for c in (3, 4)] == [1, 20]
    assert tables.sets[0] == [(Tables.receiver(2, 1), who), (Tables.receiver(3, 1), 1800)], \
        "a row is claimed by owner and timeout together, before anything else"


def test_the_older_mib_is_told_the_same_a_row_an_interface(system, agent, tables):
    tables.add_12([1, 2])
    said = register(system, agent, "sampling=128", "counters=15", "destination=2001:db8::7", "destination_port=6998")
    assert "registered" in said and "sFlow MIB 1.2" in said
    who = owner_of(system)
    for port in (1, 2):
        assert [tables.value(*Tables.row12(c, port)) for c in range(2, 12)] == \
            [who, 1800, 128, 15, 128, 1400, 2, socket.inet_pton(socket.AF_INET6, "2001:db8::7"), 6998, 4]
    assert [x[0] for x in tables.sets[0]] == [Tables.row12(2, 1), Tables.row12(3, 1)]


def test_a_switch_with_both_mibs_is_registered_in_both_or_in_the_one_that_is_wanted(system, agent, tables):
    tables.add_13([1])
    tables.add_12([1])
    assert "mib=1.3" in register(system, agent), "how to do it should the traffic count twice"
    assert tables.value(*Tables.row12(2, 1)) == tables.value(*Tables.receiver(2, 1)) == owner_of(system)
    assert tables.value(*Tables.row12(10, 1)) == tables.value(*Tables.receiver(7, 1)) in (16343, 16344)
    ctl(system, "forget", "127.0.0.1")
    assert tables.value(*Tables.row12(2, 1)) == tables.value(*Tables.receiver(2, 1)) == b"", "given back"
    register(system, agent, "mib=1.3")
    assert tables.value(*Tables.receiver(2, 1)) and tables.value(*Tables.row12(2, 1)) == b""


def test_where_nothing_is_said_it_sends_to_this_machine_and_the_ports_in_turn(system, agent, tables):
    tables.add_13([1])
    register(system, agent)
    assert tables.value(*Tables.receiver(6, 1)) == bytes([127, 0, 0, 1])
    first = listed(system)["to_port"]
    # four more that nobody answers for: what counts is the port each would be told
    for i in (2, 3, 4, 5):
        ctl(system, "set", "127.0.0.%d" % i, "enabled=no", secrets="x\n")
    ports = sorted([first] + [listed(system, "127.0.0.%d" % i)["to_port"] for i in (2, 3, 4, 5)])
    assert ports in ([16343] * 2 + [16344] * 3, [16343] * 3 + [16344] * 2), ports


def test_snmp_version_3_with_sha_and_aes(system, agent, tables):
    tables.add_13([1])
    assert "registered" in register(system, agent, *V3, secrets="the auth password\nthe priv password\n")
    assert tables.value(*Tables.sampler(4, 1)) == 512
    assert listed(system)["has_priv_password"] is True
    ctl(system, "set", "127.0.0.1", "sampling=64")  # what stays is not asked for again
    assert tables.value(*Tables.sampler(4, 1)) == 64
    assert "registered" in register(system, agent, "version=3", "user=plain", "auth=sha256", "priv=none",
                                    secrets="the auth password\n")


def test_each_refusal_is_said_with_its_remedy(system, agent, tables):
    tables.add_13([1, 2])
    said = register(system, agent, secrets="wrong\n", good=False)
    assert "no answer" in said and "community is wrong" in said
    said = register(system, agent, secrets="read-only\n", good=False)
    assert "not allowed" in said and "noAccess" in said and "may write" in said
    for user, secrets, words in (("nobody", "the auth password\nthe priv password\n", "no such SNMPv3 user"),
                                 ("ft", "the wrong password\nthe priv password\n", "wrong authentication password"),
                                 ("ft", "the auth password\nthe wrong password\n", "privacy password")):
        assert words in register(system, agent, "version=3", "user=" + user, secrets=secrets, good=False)
    assert "nothing listens" in ctl(system, "set", "127.0.0.1", "version=2c", "port=9", secrets="write-it\n", good=False)
    tables.refuse = {Tables.receiver(7, 1): agentx.WRONG_VALUE}
    said = register(system, agent, good=False)
    assert "value refused" in said and "sFlowRcvrPort: wrongValue" in said
    tables.refuse = {agentx.SFLOW13 + (5, 1, 3): agentx.NOT_WRITABLE}
    said = register(system, agent, good=False)
    assert "sFlowFsReceiver: notWritable" in said and "2 of 2 interfaces refused" in said
    assert tables.value(*Tables.receiver(2, 1)) == b"", "a receiver that nothing sends to is given back"
    tables.refuse = {Tables.sampler(3, 2): agentx.NO_CREATION}
    said = register(system, agent)
    assert "partly registered" in said and "1 of 2 interfaces" in said and "turn sFlow on" in said


def test_an_object_that_may_not_be_written_and_is_not_needed_costs_nothing(system, agent, tables):
    tables.add_13([1])
    tables.refuse = {Tables.receiver(8, 1): agentx.NOT_WRITABLE, Tables.sampler(5, 1): agentx.NOT_WRITABLE}
    assert "1 of 1 interfaces" in register(system, agent, "destination=10.9.8.7")
    assert tables.value(*Tables.receiver(6, 1)) == bytes([10, 9, 8, 7])
    assert tables.value(*Tables.sampler(4, 1)) == 512


def test_no_sflow_mib_is_said(system, agent, tables):
    tables.add_interfaces(PORTS)
    said = register(system, agent, good=False)
    assert "no sFlow MIB" in said and "4300 and 14706" in said
    assert "answers" in ctl(system, "set", "127.0.0.1", "sflow=no")


def test_rows_of_another_collector_are_left_alone(system, agent, tables):
    tables.add_13([1, 2], receivers=2)
    tables.put(Tables.receiver(2, 1), agentx.STRING, b"somebody else")
    tables.put(Tables.sampler(3, 1), agentx.INTEGER, 1)
    said = register(system, agent)
    assert "partly registered" in said and "another collector" in said
    assert tables.value(*Tables.receiver(2, 1)) == b"somebody else" and tables.value(*Tables.sampler(3, 1)) == 1
    assert tables.value(*Tables.receiver(2, 2)) == owner_of(system) and tables.value(*Tables.sampler(3, 2)) == 2
    ctl(system, "forget", "127.0.0.1")
    tables.put(Tables.receiver(2, 2), agentx.STRING, b"a third one")
    tables.sets.clear()
    said = register(system, agent, good=False)
    assert "owned by another collector" in said and '"somebody else"' in said and not tables.sets
    agent.clear().add_12([1])
    tables.put(Tables.row12(2, 1), agentx.STRING, b"somebody else")
    assert '"somebody else"' in ctl(system, "refresh", "127.0.0.1", good=False) and not tables.sets


def test_of_several_instances_of_an_interface_a_free_one_is_taken(system, agent, tables):
    tables.add_13([1], receivers=2, instances=2)
    tables.put(Tables.receiver(2, 1), agentx.STRING, b"somebody else")
    tables.put(Tables.sampler(3, 1, 1), agentx.INTEGER, 1)
    tables.put(Tables.poller(3, 1, 1), agentx.INTEGER, 1)
    assert "registered" in register(system, agent)
    assert [tables.value(*Tables.sampler(3, 1, i)) for i in (1, 2)] == [1, 2]
    assert [tables.value(*Tables.poller(3, 1, i)) for i in (1, 2)] == [1, 2]


def test_the_rate_that_the_switch_made_of_it_is_shown(system, agent, tables):
    tables.add_13([1, 2])
    tables.round = lambda rate: 1 << (rate - 1).bit_length()
    assert "1 in 1024" in register(system, agent, "sampling=1000")


def test_a_test_changes_nothing(system, agent, tables):
    tables.add_13([1])
    register(system, agent, "enabled=no")
    tables.sets.clear()
    said = ctl(system, "test", "127.0.0.1")
    assert "free" in said and "1.3;Test;1" in said and not tables.sets
    ctl(system, "forget", "127.0.0.1")
    assert listed(system) is None


def test_it_is_refreshed_while_it_is_enabled_and_survives_both_sides_restarts(system, agent, tables):
    tables.add_13([1])
    tables.add_interfaces(PORTS)
    register(system, agent)
    system.configure({"snmp/refresh": 1})
    system.read_again()
    timeout = Tables.receiver(3, 1)
    tables.sets.clear()
    tables.refuse = {agentx.SFLOW13 + (5, 1, 3): agentx.INCONSISTENT}  # as agents of early drafts do, even if it is the same
    wait_for("two refreshes", lambda: sum(x == [(timeout, 60)] for x in list(tables.sets)) >= 2)
    assert listed(system)["state"] == "registered"
    tables.refuse = {}
    with tables.lock:  # the switch restarts: it knows nothing any more
        tables.released(Tables.receiver(2, 1))
    wait_for("a new registration", lambda: tables.value(*Tables.sampler(4, 1)) == 512)
    system.end(signal.SIGKILL)
    system.start()
    tables.sets.clear()
    wait_for("a refresh by its successor", lambda: [(timeout, 60)] in list(tables.sets))
    ctl(system, "set", "127.0.0.1", "enabled=no")
    tables.sets.clear()
    began = time.monotonic()
    wait_for("more than a refresh to pass", lambda: time.monotonic() - began > 2.2)
    assert not tables.sets
    system.configure({"snmp/refresh": 600})
    system.read_again()


def test_names_and_speeds_of_interfaces_are_written_for_ingest(system, agent, tables):
    path = os.path.join(system.setting("statedir"), "interfaces", "127.0.0.1.json")
    tables.add_13([1])
    tables.add_interfaces(PORTS)
    before = time.time() * 1e6
    register(system, agent)
    got = json.load(open(path))
    assert got["address"] == "127.0.0.1" and got["source"] == "snmp" and before - 1 <= got["at_us"] <= time.time() * 1e6
    assert got["interfaces"] == [{"index": i, "name": n, "description": a or d, "speed": s} for i, n, d, a, s in PORTS]
    assert listed(system)["interfaces_known"] == 3
    # a device without ifXTable: what ifTable says; more than 2^32-2 is not known there
    agent.clear().add_interfaces(PORTS, extended=False)
    ctl(system, "set", "127.0.0.1", "sflow=no")
    assert json.load(open(path))["interfaces"] == \
        [{"index": i, "name": d, "description": d, "speed": s if s < 2**32 - 1 else 0} for i, n, d, a, s in PORTS]
    ctl(system, "forget", "127.0.0.1")
    assert not os.path.exists(path)


@pytest.fixture
def ingest(system):
    with open(os.path.join(system.dir, "ingest.log"), "w") as log:
        p = subprocess.Popen([os.path.join(BIN, "ft-ingest"), "-c", system.conf, "-f"], stderr=log, stdin=subprocess.DEVNULL)
        wait_for("ft-ingest to be ready", lambda: "ready (" in open(log.name).read())
        yield p
        p.terminate()
        p.wait(20)


def test_a_switch_whose_exporter_is_disabled_is_left_alone(system, agent, tables, ingest):
    tables.add_13([1])
    register(system, agent)
    system.ask("ft-ctl", "exporters", "disable", "127.0.0.1", "-c", system.conf, user=None)
    tables.sets.clear()
    assert "exporter disabled" in ctl(system, "refresh", "127.0.0.1", good=False) and not tables.sets
    system.ask("ft-ctl", "exporters", "enable", "127.0.0.1", "-c", system.conf, user=None)
    assert "registered" in ctl(system, "refresh", "127.0.0.1") and tables.sets


def test_names_of_interfaces_reach_the_table_of_ingest(system, agent, tables, ingest):
    tables.add_interfaces(PORTS)
    register(system, agent, "sflow=no")

    def known():
        out = system.ask("ft-ctl", "interfaces", "-j", "-c", system.conf, user=None)
        return {i["index"]: i for i in json.loads(out)["interfaces"] if i["exporter"] == "127.0.0.1"}
    found = wait_for("ft-ingest to know", lambda: len(known()) == len(PORTS) and known())
    for index, name, _, alias, speed in PORTS:
        assert found[index]["name"] == name and found[index]["speed"] == speed and found[index]["from"] == "snmp"
        assert not alias or found[index]["description"] == alias


def test_secrets_are_in_no_log_no_listing_no_argument_and_in_one_private_file(system, agent, tables):
    tables.add_13([1])
    register(system, agent)
    register(system, agent, *V3, secrets="the auth password\nthe priv password\n")
    shown = system.log("snmp") + ctl(system, "-j") + ctl(system)
    assert not [s for s in SECRETS if s in shown]
    state = system.setting("statedir")
    assert stat.S_IMODE(os.stat(os.path.join(state, "snmp.lmdb")).st_mode) == 0o600
    r = system.run("ft-ctl", "switches", "set", "127.0.0.1", "community=write-it", "-c", system.conf, user=None)
    assert r.returncode == 2 and "-s FILE" in r.stderr and "write-it" not in r.stderr
    for path in (os.path.join(state, "interfaces"),):
        for name in os.listdir(path) if os.path.isdir(path) else ():
            assert not [s for s in SECRETS if s in open(os.path.join(path, name)).read()]


def test_what_is_said_wrongly_is_refused_in_words(system):
    for args, words in ((["set", "nowhere"], "address"), (["set", "127.0.0.1", "sampling=0"], "from 1 to"),
                        (["set", "127.0.0.1", "mib=1.4"], "both|1.2|1.3"), (["forget", "192.0.2.7"], "not registered"),
                        (["set", "127.0.0.1", "destination=here"], "IPv4 or IPv6"),
                        (["set", "127.0.0.9", "version=3"], "needs a user")):
        secrets = "0123456789\n0123456789\n" if args[0] == "set" else None
        assert words in ctl(system, *args, secrets=secrets, good=False), args
    assert "8 to 127" in ctl(system, "set", "127.0.0.9", "version=3", "user=u", secrets="short\nshort\n", good=False)


def test_the_job_program_alone_says_what_it_is_for():
    r = subprocess.run([os.path.join(BIN, "ft-snmp-job")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=20)
    assert r.returncode == 2 and "ft-snmp" in r.stderr
