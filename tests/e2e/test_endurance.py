"""A month of traffic in minutes (the generator's time is virtual), in the tiny build, whose blocks hold 64 rows: segments fill and expire all the
while, daemons are killed, restarted and told to read their configuration again.  In the end exactly what retention should have kept is there,
memory is flat and no file is left over.  A week of it in make check, a month in make soak."""
import collections
import os
import random
import signal
import subprocess

import pytest

import flowtrove
import oracle
from flowtrove import DAEMONS, ROOT, SOAK, Traffic, wait_for

DAYS = 30 if SOAK else 7
SESSIONS = 4000 if SOAK else 300  # a day
ROWS = 512 if SOAK else 128       # a segment
SEGMENTS = 40 if SOAK else 12
START = 1700000000
SEED = int(os.environ.get("FT_SEED", "30"))


@pytest.fixture(scope="module")
def small(launch):
    tiny = os.path.join(ROOT, "build", "tiny", "bin")
    r = subprocess.run(["make", "-s", "-C", ROOT, "TINY=1", "all"], capture_output=True, text=True, timeout=900)
    assert r.returncode == 0, r.stderr[-2000:]
    was, flowtrove.BIN = flowtrove.BIN, tiny
    try:
        yield launch("small", {"storage/storageinterval": 1, "storage/segmentsize": ROWS, "storage/segmentcount": SEGMENTS,
                               "sessiontables/conntracksize": 5000, "sessiontables/timeout": 60})
    finally:
        for i in list(flowtrove.live):
            if os.path.basename(i.dir) == "small":
                i.down(check=False)
        flowtrove.BIN = was


def segments(instance):
    folder = os.path.join(instance.dir, "database", "segments")
    return sorted(f for f in os.listdir(folder) if f.endswith(".seg"))


def stored(instance):
    text = instance.ask("ft-store", "stats", "-c", instance.conf, user=None)
    return {line.split()[0]: line.split()[1] for line in text.splitlines() if len(line.split()) > 1}


def resident(instance, name):
    """KB of memory that are the process's own: what it maps of files and shared memory aside."""
    for line in open("/proc/%d/status" % instance.running(name)):
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0


def descriptors(instance, name):
    return len(os.listdir("/proc/%d/fd" % instance.running(name)))


def disturb(instance, dice, day):
    """What happens to it this day; a name of it."""
    what = dice.choice(["kill", "two", "hup", "restart", "resize"]) if day else "hup"
    if what in ("kill", "two"):
        victims = dice.sample(DAEMONS, 1 + (what == "two"))
        old = {v: instance.kill(v) for v in victims}
        for v in victims:
            instance.wait_restarted(v, old[v])
    elif what == "hup":
        for d in DAEMONS:
            instance.kill(d, signal.SIGHUP)
    elif what == "restart":
        instance.down()
        instance.up()
    else:  # smaller, and larger again before the end
        instance.configure({"storage/segmentcount": SEGMENTS - 2})
        instance.kill("store", signal.SIGHUP)
        wait_for("the database to have shrunk", lambda: len(segments(instance)) <= SEGMENTS - 2, 120)
        instance.configure({"storage/segmentcount": SEGMENTS})
        instance.kill("store", signal.SIGHUP)
    return what


def test_a_month_of_kills_restarts_and_expiry_keeps_exactly_what_it_should(small, folder):
    dice = random.Random(SEED)
    days, happened, memory, open_files = [], collections.Counter(), {}, {}
    for day in range(DAYS):
        t = Traffic(folder, small.flow_port, SESSIONS, "v9" if day % 2 else "ipfix", start=START + day * 86400, rate=4000,
                    seed=SEED + day, exporters=2, source="127.5.0.1", name="day%d" % day)
        happened[disturb(small, dice, day)] += 1  # while the day's traffic comes
        t.wait()
        got = small.wait_flows(t.sent["records"], t.span, 120)
        assert got["flows"] == t.sent["records"] and got["bytes"] == t.sent["bytes"], "day %d" % day
        days.append(t)
        if day in (DAYS // 3, DAYS - 1):
            for name in ("store", "queryd"):
                memory.setdefault(name, []).append((small.running(name), resident(small, name)))
                open_files.setdefault(name, []).append((small.running(name), descriptors(small, name)))
    # retention: no more files than segmentcount, and what they hold is the newest
    wait_for("the last segments to be dropped", lambda: len(segments(small)) <= SEGMENTS, 120)
    numbers = [int(s.split(".")[0]) for s in segments(small)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[0] > 1, numbers
    kept, cut = [], []
    for n, t in enumerate(days):
        flows = small.totals(t.span).get("flows", 0)
        (kept if flows == t.sent["records"] else cut).append((n, flows))
    assert kept and [n for n, _ in kept] == list(range(kept[0][0], DAYS)), "whole days are the last ones: %r %r" % (kept, cut)
    assert sum(1 for _, flows in cut if flows) <= 1, "one day at most is cut: %r" % cut
    for n, _ in kept:
        truth = oracle.Truth(days[n].truth)
        got = small.totals(days[n].span)
        assert {k: got[k] for k in ("sessions", "bytes", "packets", "flows")} == oracle.totals(truth.records)
    # what ft-store says of the files is what a query finds in them
    small.ask("ft-store", "verify", "-c", small.conf, user=None)
    rows = sum(len(small.slices(t.span)) for t in days)
    assert rows >= int(stored(small)["slices"]) > (SEGMENTS - 2) * ROWS // 2
    # nothing is left over, nothing grows
    assert len([f for f in os.listdir(small.shm) if f.startswith("open.")]) <= 2
    left = [f for f in os.listdir(os.path.join(small.dir, "database", "segments")) if not f.endswith(".seg")]
    assert all(f == segments(small)[-1] + "-lock" for f in left), left
    for name, ((a, before), (b, after)) in memory.items():
        assert a != b or after < before * 1.5 + 4096, "%s has grown from %d to %d KB" % (name, before, after)
    for name, ((a, before), (b, after)) in open_files.items():
        assert a != b or after <= before + SEGMENTS, "%s has %d files open, had %d" % (name, after, before)
    assert sum(happened.values()) == DAYS
