"""Killed, frozen, unplugged: what was taken in is there, once."""
import collections
import glob
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import oracle
from flowtrove import DAEMONS, LOCAL, SOAK, Traffic, read_progress, wait_for
from test_exact import differences

SEED = int(os.environ.get("FT_SEED", "20"))
ROUNDS = 100 if SOAK else 5
RATE = 30000 if SOAK else 10000
ENDLESS = 100000000


def moment(dice, low, high):
    """Let a random piece of time go by: the moment of a kill is what is drawn here."""
    time.sleep(dice.uniform(low, high))


def finish(traffic):
    """No new sessions; what is under way is sent."""
    traffic.process.send_signal(signal.SIGTERM)
    return traffic.wait()


def queues_overflowed(instance):
    return instance.counter("ingest", "kernel_drops")


def check_exact(instance, t, views=True):
    want = {k: t.sent[k] for k in ("sessions", "bytes", "packets")}
    want["flows"] = t.sent["records"]
    drops = queues_overflowed(instance)
    assert drops == 0, "the socket queue overflowed (%r): the load is too much for this machine's queue" % drops
    got = instance.wait_flows(want["flows"], t.span, 120)
    assert {k: got[k] for k in want} == want
    if views:
        truth = oracle.Truth(t.truth)
        for entity, count in (("IP", "BYTES"), ("IPPAIR", "SESSIONS"), ("PORTPROTO", "PACKETS")):
            wrong = differences(instance.view(entity, count, span=t.span), oracle.ranking(truth.records, entity, count), entity)
            assert not wrong, "%s by %s: %s" % (entity, count, wrong[:4])


def queued(instance):
    """Bytes that wait in the kernel for ingest's flow port."""
    port, n = ":%04X" % instance.flow_port, 0
    for path in ("/proc/net/udp", "/proc/net/udp6"):
        if os.path.exists(path):
            for line in open(path).read().splitlines()[1:]:
                part = line.split()
                if part[1].endswith(port):
                    n += int(part[4].split(":")[1], 16)
    return n


@pytest.fixture(scope="module")
def sturdy(launch):
    # idle sessions end before the table is full of them: one that is evicted and goes on is counted twice, rightly
    return launch("sturdy", {"storage/storageinterval": 1, "sessiontables/timeout": 60})


@pytest.mark.parametrize("victims", [(d,) for d in DAEMONS] + [("ingest", "tracker"), ("tracker", "store"), ("ingest", "store")],
                         ids=lambda v: "+".join(v))
def test_killed_under_load_nothing_is_lost_or_counted_twice(sturdy, folder, victims):
    dice = random.Random("%d %r" % (SEED, victims))
    n = list(DAEMONS).index(victims[0]) + 10 * len(victims) + (5 if victims[-1] == "store" else 0)
    t = Traffic(folder, sturdy.flow_port, ENDLESS, "ipfix" if n % 2 else "v9", start=1650000000 + 1000000 * n, rate=RATE,
                seed=SEED + n, source="127.1.%d.1" % n, more=["-a", 10, "-d", 8, "-p", 2000])
    for i in range(ROUNDS if len(victims) == 1 else max(2, ROUNDS // 3)):
        moment(dice, 0.1, 0.8)
        old = {}
        for v in victims:
            old[v] = sturdy.kill(v)
            if len(victims) > 1:
                moment(dice, 0, 0.02)
        for v in victims:
            sturdy.wait_restarted(v, old[v])
        # Some kills meet it while it starts, again and again; between bursts of them it may catch up, or the socket's
        # queue, which holds seconds, would be what is tested.
        if i % 4 == 3:
            wait_for("what the kills kept waiting", lambda: queued(sturdy) < 1 << 20, 60)
    assert t.running(), "the traffic ended before the kills did"
    moment(dice, 0.2, 0.5)
    finish(t)
    check_exact(sturdy, t)


def test_what_survived_the_kills_survives_an_orderly_restart(sturdy):
    span = 1640000000 * 1000000, 1690000000 * 1000000
    before = sturdy.totals(span)
    sturdy.down()
    sturdy.up()
    assert sturdy.totals(span) == before


def socket_holds(instance, seconds, rate):
    """Does the kernel's queue of ingest's port hold that long?  By the port's buffer, a datagram being about 20 flows."""
    try:
        port = ":%d" % instance.flow_port
        out = subprocess.run(["ss", "-uanmH"], capture_output=True, text=True).stdout.replace("\n\t", " ").splitlines()
        line = next(x for x in out if port in x)
        size = int(line.split(",rb")[1].split(",")[0])
    except (StopIteration, IndexError, OSError):
        return False
    return size > seconds * rate / 18 * 2304


@pytest.mark.parametrize("victim", DAEMONS)
def test_frozen_for_ten_seconds_at_peakflows_nothing_is_lost(sturdy, folder, victim):
    rate = int(sturdy.setting("peakflows") or 30000)
    if victim == "ingest" and not socket_holds(sturdy, 10, rate):
        pytest.skip("the kernel gives ingest's socket less than 10 s of peakflows (see net.core.rmem_max): a longer queue "
                    "needs root or deploy/sysctl.d/flowtrove.conf")
    n = DAEMONS.index(victim)
    t = Traffic(folder, sturdy.flow_port, ENDLESS, "v9", start=1600000000 + 1000000 * n, rate=rate, seed=SEED + n,
                source="127.2.%d.1" % n, more=["-p", 5000, "-d", 3], name="stop-" + victim)
    moment(random.Random(n), 0.5, 0.6)
    pid = sturdy.kill(victim, signal.SIGSTOP)
    try:
        time.sleep(10)  # this long, says the test's name
    finally:
        os.kill(pid, signal.SIGCONT)
    moment(random.Random(n), 0.5, 0.6)
    finish(t)
    assert sturdy.running(victim) == pid, "it was restarted while frozen"
    check_exact(sturdy, t, views=False)


def processes_of(instance):
    """Everything that belongs to an instance: supervisors, loggers, daemons."""
    mark, out = (instance.dir + "/").encode(), []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            line = open(path + "/cmdline", "rb").read()
            cwd = os.readlink(path + "/cwd") + "/"
        except OSError:
            continue
        name = line.split(b"\0")[0].split(b"/")[-1]
        if name in (b"runsvdir", b"runsv", b"svlogd") or name.startswith(b"ft-"):
            if mark in line + b"/" or cwd.encode().startswith(mark):
                out.append(int(os.path.basename(path)))
    return out


def test_a_power_cut_costs_at_most_an_interval_and_two_seconds(launch, folder):
    unplugged = launch("unplugged", {"storage/storageinterval": 1})
    t = Traffic(folder, unplugged.flow_port, ENDLESS, "ipfix", rate=0, seed=3, progress=True, name="unplugged",
                more=["-R", "-p", 2500, "-d", 2, "-a", 4])
    # enough of it stored that there is something to lose
    wait_for("flows before the power cut", lambda: (unplugged.counter("store", "slices") or 0) > 15000, 60)
    everything = processes_of(unplugged)
    assert len(everything) > 5
    cut_us = time.time_ns() // 1000
    for pid in everything:  # supervisors too, twice: nobody restarts anybody
        os.kill(pid, signal.SIGKILL)
    for pid in processes_of(unplugged):
        os.kill(pid, signal.SIGKILL)
    wait_for("all to be gone", lambda: not processes_of(unplugged))
    finish(t)
    shutil.rmtree(unplugged.shm)
    unplugged.up()
    answer = unplugged.view("PROTO", span=t.span, rows=1)
    progress = read_progress(t.progress)

    def sent_by(us):
        return max([records for at, records in progress if at <= us], default=0)
    flows = answer["total"]["flows"]
    allowed = cut_us - (1 + 2) * 1000000
    assert flows >= sent_by(allowed), "%d flows, %d were sent 3 s before the power went" % (flows, sent_by(allowed))
    assert flows <= sent_by(cut_us + 200000)
    complete = answer["complete_until_us"]
    assert allowed <= complete <= cut_us + 200000, "complete until %.1f s before the power went" % ((cut_us - complete) / 1e6)
    assert flows >= sent_by(complete), "said to be complete until then, but flows are missing"
    # and it goes on
    t = Traffic(folder, unplugged.flow_port, 2000, "v9", start=1700000000, source="127.3.0.1").wait()
    check_exact(unplugged, t)


def test_shared_memory_deleted_under_a_stopped_system_costs_nothing_after_an_orderly_stop(launch, folder):
    calm = launch("calm")
    t = Traffic(folder, calm.flow_port, 4000, "v9", start=1710000000, more=["-a", 10]).wait()
    calm.wait_flows(t.sent["records"], t.span)
    calm.down()
    shutil.rmtree(calm.shm, ignore_errors=True)
    calm.up()
    check_exact(calm, t)
