"""A month of traffic in minutes (the generator's time is virtual), in the tiny build, whose blocks hold 64 rows: segments fill and expire all the
while, daemons are killed, restarted and told to read their configuration again.  In the end exactly what retention should have kept is there,
memory is flat and no file is left over.  Five days of it in make check, a month in make soak."""
import collections
import os
import random
import re
import signal
import subprocess
import time

import pytest

import flowtrove
import oracle
from flowtrove import DAEMONS, ROOT, SOAK, Traffic, wait_for

DAYS = 30 if SOAK else 5
SESSIONS = 4000 if SOAK else 300  # a day
ROWS = 512 if SOAK else 128       # a segment
SEGMENTS = 40 if SOAK else 8
START = 1700000000
KINDS = ["kill", "two kills", "hup", "restart", "resize"]
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


def verified(instance):
    """Slices in blocks and in the journal, as ft-store verify counts them; it finds no damage."""
    text = instance.ask("ft-store", "verify", "-c", instance.conf, user=None)
    lines = {line.split()[0]: line.split()[1] for line in text.splitlines() if len(line.split()) > 1}
    assert lines["damage"] == "0", text
    return int(lines["slices"]) + int(lines["journal"])


def held(instance, name):
    """What a daemon holds: KB of memory of its own (mapped files and shared memory aside), files open."""
    pid = instance.running(name)
    memory = next(int(line.split()[1]) for line in open("/proc/%d/status" % pid) if line.startswith("RssAnon"))
    return memory, len(os.listdir("/proc/%d/fd" % pid))


def files(instance):
    """Names in every folder the daemons write to; a number that counts up is a #."""
    found = collections.Counter()
    for top in (instance.shm, *(os.path.join(instance.dir, d) for d in ("database", "state", "users", "run"))):
        for folder, _, names in os.walk(top):
            for n in names:
                found[os.path.relpath(os.path.join(folder, re.sub("[0-9]+", "#", n)), top)] += 1
    return found


def disturb(instance, what, dice):
    """Something happens while the day's traffic comes."""
    if what in ("kill", "two kills"):
        victims = dice.sample(DAEMONS, 2 if what == "two kills" else 1)
        old = {v: instance.kill(v) for v in victims}
        for v in victims:
            instance.wait_restarted(v, old[v])
    elif what == "hup":
        for d in DAEMONS:
            instance.kill(d, signal.SIGHUP)
    elif what == "restart":
        instance.down()
        instance.up()
    elif what == "resize":  # the database smaller and the table larger, and back again; killed while they do it
        for n, table in ((SEGMENTS - 2, 8000), (SEGMENTS, 5000)):
            instance.configure({"storage/segmentcount": n, "sessiontables/conntracksize": table})
            old = {d: instance.kill(d, signal.SIGHUP) for d in ("tracker", "store")}
            for d in old:
                instance.kill(d)
            for d in old:
                instance.wait_restarted(d, old[d])
            wait_for("the database to have shrunk", lambda: len(segments(instance)) <= n, 120)


def total(instance, span):
    return {k: v for k, v in instance.totals(span).items() if k in ("sessions", "bytes", "packets", "flows")}


def test_a_month_of_kills_restarts_and_expiry_keeps_exactly_what_it_should(small, folder):
    dice = random.Random(SEED)
    days, happens, holds, first = [], [], collections.defaultdict(list), None
    for day in range(DAYS):
        if not happens:
            happens = dice.sample(KINDS, len(KINDS))
        t = Traffic(folder, small.flow_port, SESSIONS, "v9" if day % 2 else "ipfix", start=START + day * 86400, rate=4000,
                    seed=SEED + day, exporters=2, source="127.5.0.1", name="day%d" % day)
        what = happens.pop()
        if what == "restart":  # nobody listens then: the day's traffic has come before
            small.wait_flows(t.wait().sent["records"], t.span, 120)
        disturb(small, what, dice)
        if what != "restart":
            t.wait()
        got = small.wait_flows(t.sent["records"], t.span, 120)
        assert got["flows"] == t.sent["records"] and got["bytes"] == t.sent["bytes"], "day %d" % day
        days.append(t)
        for name in DAEMONS:
            holds[name].append(held(small, name))
        first = first or files(small)
    # retention: no more files than segmentcount, and what they hold is the newest, whole
    wait_for("the last segments to be dropped", lambda: len(segments(small)) <= SEGMENTS, 120)
    numbers = [int(s.split(".")[0]) for s in segments(small)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[0] > 1, numbers
    flows = [total(small, t.span).get("flows", 0) for t in days]
    whole = [n for n, t in enumerate(days) if flows[n] == t.sent["records"]]
    assert whole and whole == list(range(whole[0], DAYS)), "whole days are the last ones: %r" % flows
    assert sum(1 for n in range(whole[0]) if flows[n]) <= 1, "one day at most is cut: %r" % flows
    for n in whole:
        assert total(small, days[n].span) == oracle.totals(oracle.Truth(days[n].truth).records), "day %d" % n
    # what a query finds is what is in the files, and they hold what segmentcount and segmentsize promise
    rows = sum(len(small.slices(t.span)) for t in days)
    assert rows == verified(small)
    assert rows > (SEGMENTS - 2) * ROWS
    # nothing is left over, nothing grows
    last = files(small)
    more = {n: (first[n], last[n]) for n in last if last[n] > first[n] and n not in ("segments/#.seg", "open.#.#")}
    assert not more and last["open.#.#"] <= 2, "files that were left (name, then, now): %r" % more
    for name, seen in holds.items():
        third = len(seen) // 3 or 1
        (kb, fds), (kb_last, fds_last) = map(max, zip(*seen[:third])), map(max, zip(*seen[-third:]))
        assert kb_last <= kb * 1.25 + 8192, "%s has grown: %r KB" % (name, [m for m, _ in seen])
        assert fds_last <= fds + SEGMENTS, "%s has files open: %r" % (name, [n for _, n in seen])


@pytest.mark.skipif(not SOAK, reason="one segment a second goes: make soak")
def test_what_is_older_than_maxage_goes_in_the_end(small):
    newest = START + (DAYS - 1) * 86400
    span = (newest * 1000000, (newest + 86400) * 1000000)
    before = total(small, span)
    small.configure({"storage/maxage": int(time.time()) - newest})
    small.kill("store", signal.SIGHUP)
    wait_for("older days to be gone", lambda: not total(small, (START * 1000000, (newest - 86400) * 1000000)).get("flows"), 300)
    assert total(small, span) == before
