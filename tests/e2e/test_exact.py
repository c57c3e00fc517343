"""Every figure that can be asked for equals what the generator made, to the unit."""
import collections
import os
import random
import subprocess

import pytest

import oracle
from flowtrove import SOAK, Traffic, when

FULL = SOAK or os.environ.get("FT_EXACT") == "full"
SESSIONS = 100000 if FULL else 12000
WIRES = ("v5", "v9", "ipfix")
ENTITIES = ("IP", "IPPAIR", "PORTPROTO", "ASN", "IF", "QOS", "VLAN")
COUNTS = ("BYTES", "PACKETS", "SESSIONS", "UNIQUE IP")
PROTOCOLS = {"ICMP": 1, "TCP": 6, "UDP": 17, "ICMPV6": 58, "ICMP6": 58}

# a filter, and the same as Python: of a record, of its whole session
FILTERS = {
    "all": (None, None, None),
    "service": ("PROTO == TCP && SRVPORT == 443", lambda r: r.proto == 6 and r.server_port == 443, None),
    "address": ("CLNIP == 172.16.0.0/25 || SRVIP == 5.0.0.0/8",
                lambda r: r.client.startswith("172.16.0.") and int(r.client.split(".")[3]) < 128 or
                r.server.startswith("5."), None),
    "interface": ("!(PORT == 53) && (INIF == 90 || OUTIF == 90)", lambda r: 53 not in (r.sport, r.dport) and 90 in (r.in_if, r.out_if), None),
    "as": ("CLNAS in (64500, 64502-64503) and not SRVAS == 2001",
           lambda r: (r.dst_as if r.reply else r.src_as) in (64500, 64502, 64503) and
           (r.src_as if r.reply else r.dst_as) != 2001, None),
    "large": ("TOTBYTS > 5000 && PROTO != ICMP", lambda r: r.proto != 1,
              lambda s: s["client_bytes"] + s["server_bytes"] > 5000),
    "long": ("TTIME >= 10", None, lambda s: s["last_us"] - s["first_us"] >= 10000000),
}


@pytest.fixture(scope="module")
def runs(instance, folder):
    """wire -> (Traffic, Truth): each format in a time and from exporters of its own, all in one database."""
    made = {}

    def run(wire):
        if wire not in made:
            i = WIRES.index(wire)
            t = Traffic(folder, instance.flow_port, SESSIONS, wire, start=1750000000 + 100000 * i, seed=11 + i,
                        source="127.0.%d.1" % (i + 1), more=["-d", 9, "-a", 10]).wait()
            instance.wait_flows(t.sent["records"], t.span)
            made[wire] = t, oracle.Truth(t.truth)
        return made[wire]
    return run


def plain_key(entity, key):
    """A key as the answer shows it, in the oracle's form."""
    if entity == "IP":
        return oracle.plain_address(key)
    if entity == "IPPAIR":
        return tuple(sorted(oracle.plain_address(k) for k in key))
    if entity == "PORTPROTO":
        port, proto = key if isinstance(key, list) else key.split("/")
        return int(port), PROTOCOLS[proto.upper()] if not proto.isdigit() else int(proto)
    if entity == "ASN":
        return int(str(key).upper().replace("AS", "", 1).split()[0])
    if entity in ("IF", "VLAN", "QOS"):
        return int(key)
    return key


def differences(answer, values, entity, rows=25):
    """What is wrong with a view's rows, in words."""
    want = oracle.top(values, rows)
    got = [(plain_key(entity, r["key"]), r["value"]) for r in answer["rows"]]
    out = []
    if [v for _, v in got] != [v for _, v in want]:
        out.append("values %r instead of %r" % ([v for _, v in got][:6], [v for _, v in want][:6]))
    count = collections.Counter(values.values())
    for (gk, gv), (wk, wv) in zip(got, want):
        if gv == wv and count[wv] == 1 and gk != wk:
            out.append("%r has %d, not %r" % (wk, wv, gk))
        if values.get(gk) != gv:
            out.append("%r has %r, not %r" % (gk, values.get(gk), gv))
    return out


def check_views(instance, truth, records, where, span, wire):
    wrong = []
    for entity in ENTITIES:
        if entity == "VLAN" and wire == "v5":
            continue
        for count in COUNTS:
            for direction in ("total", "sent", "received"):
                values = oracle.ranking(records, entity, count.replace(" ", "_"), direction)
                answer = instance.view(entity, count, direction, where, span)
                wrong += ["%s %s %s: %s" % (entity, count, direction, d) for d in differences(answer, values, entity)]
                if count != "UNIQUE IP":
                    rest = sum(values.values()) - sum(v for _, v in oracle.top(values, 25))
                    if (answer.get("other") or {}).get("value", 0) != rest:
                        wrong.append("%s %s %s: other %r, not %d" % (entity, count, direction, answer.get("other"), rest))
                total = {k: answer["total"][k] for k in ("sessions", "bytes", "packets", "flows")}
                if total != oracle.totals(records):
                    wrong.append("%s %s %s: total %r, not %r" % (entity, count, direction, total, oracle.totals(records)))
    assert not wrong, "%d differences, such as\n%s" % (len(wrong), "\n".join(wrong[:12]))


@pytest.mark.parametrize("wire", WIRES)
def test_totals_are_what_was_sent(instance, runs, wire):
    t, truth = runs(wire)
    total = instance.totals(t.span)
    assert {k: total[k] for k in ("sessions", "bytes", "packets", "flows")} == oracle.totals(truth.records)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("wire", WIRES)
def test_every_view_equals_the_oracle(instance, runs, wire, name):
    t, truth = runs(wire)
    where, select, whole = FILTERS[name]
    check_views(instance, truth, truth.where(select, whole), where, t.span, wire)


def test_an_either_side_filter_restricts_the_ranking(instance, runs):
    t, truth = runs("v9")
    records = truth.where(lambda r: 64501 in (r.src_as, r.dst_as))
    values = {k: v for k, v in oracle.ranking(records, "ASN", "BYTES").items() if k == 64501}
    assert not differences(instance.view("ASN", "BYTES", where="ASN == 64501", span=t.span), values, "ASN")


def test_exporters_that_disagree_on_an_as_are_both_believed(instance, runs):
    t, truth = runs("ipfix")
    seen = collections.defaultdict(set)
    for r in truth.records:
        if r.reply:
            seen[r.src].add(r.src_as)
    address = max((a for a in seen if len(seen[a]) > 1), key=lambda a: (len(seen[a]), a))
    records = truth.where(lambda r: r.server == address)
    answer = instance.view("ASN", "BYTES", "sent", where="SRVIP == " + address, span=t.span)
    assert not differences(answer, oracle.ranking(records, "ASN", "BYTES", "sent"), "ASN")


@pytest.mark.parametrize("wire", WIRES)
def test_ftsq_lists_exactly_the_sessions_made(instance, runs, wire):
    t, truth = runs(wire)
    columns = list(next(iter(truth.summaries().values())))
    if wire == "v5":
        columns = [c for c in columns if c != "vlan"]
    want = collections.Counter(tuple(str(s[c]) for c in columns) for s in truth.summaries().values())
    rows = instance.sessions(t.span)
    for r in rows:
        for c in ("client_flags", "server_flags"):
            r[c] = r[c] or "0"
    got = collections.Counter(tuple(r[c] for c in columns) for r in rows)
    extra, missing = list((got - want).items()), list((want - got).items())
    assert not extra and not missing, "%d rows; %d not made, such as %r; %d missing, such as %r (columns %r)" % (
        len(rows), len(extra), extra[:2], len(missing), missing[:2], columns)
    assert len({r["session_id"] for r in rows}) == len(rows), "a session id is used twice"
    assert all(r["export_version"] == {"v5": "5", "v9": "9", "ipfix": "10"}[wire] for r in rows)


def test_sessions_seen_one_way_have_the_right_client(instance, folder):
    t = Traffic(folder, instance.flow_port, 2000, "ipfix", start=1751000000, seed=5, source="127.0.9.1",
                more=["-o", 0.4]).wait()
    instance.wait_flows(t.sent["records"], t.span)
    truth = oracle.Truth(t.truth)
    def name(s):
        return tuple(str(s[c]) for c in ("client_ip", "server_ip", "client_port", "server_port", "proto", "client_bytes"))
    want = collections.Counter(name(s) for s in truth.summaries().values())
    got = collections.Counter(name(s) for s in instance.sessions(t.span))
    assert got == want, "%r instead of %r" % (list((got - want).items())[:3], list((want - got).items())[:3])


def test_attributes_that_change_on_the_way_keep_exact_sums(instance, folder):
    t = Traffic(folder, instance.flow_port, 3000, "v9", start=1752000000, seed=6, source="127.0.10.1",
                more=["-x", 0.5, "-d", 40, "-a", 10]).wait()
    instance.wait_flows(t.sent["records"], t.span)
    truth = oracle.Truth(t.truth)
    assert instance.totals(t.span)["sessions"] == t.sent["sessions"]
    wrong = []
    for count in ("BYTES", "PACKETS", "SESSIONS", "UPDATES"):
        values = oracle.ranking(truth.records, "QOS", count)
        wrong += [count + " " + d for d in differences(instance.view("QOS", count, span=t.span), values, "QOS")]
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def long_sessions(instance, folder):
    """Sessions of a minute and more, and their slices."""
    t = Traffic(folder, instance.flow_port, 4000, "ipfix", start=1753000000, seed=7, source="127.0.11.1", rate=15000,
                more=["-d", 60, "-a", 10, "-p", 20]).wait()
    instance.wait_flows(t.sent["records"], t.span)
    return t, instance.slices(t.span)


def in_frame(slices, start, end):
    return [s for s in slices if s["first_us"] < end and s["last_us"] >= start]


def amount(s, name, start, end):
    return oracle.part(s[name], s["first_us"], s["last_us"], start, end)


def test_slices_add_up_to_their_sessions(instance, long_sessions):
    t, slices = long_sessions
    truth = oracle.Truth(t.truth)
    assert sum(s["client_bytes"] + s["server_bytes"] for s in slices) == t.sent["bytes"]
    assert len({s["session_id"] for s in slices}) == len(truth.sessions)


def test_frames_that_cut_sessions_are_pro_rated(instance, long_sessions):
    t, slices = long_sessions
    dice = random.Random(7)
    low, high = t.sent["start"] * 1000000, t.sent["end"] * 1000000
    for _ in range(6):
        start = dice.randrange(low, high)
        end = start + dice.choice([1, 977, 1000003, 7654321, 60000000, 123456789])
        inside = in_frame(slices, start, end)
        total = instance.totals((start, end))
        frame = "%s to %s" % (when(start), when(end))
        assert total["sessions"] == len({s["session_id"] for s in inside}), frame
        for kind in ("bytes", "packets"):
            want = sum(amount(s, side + kind, start, end) for s in inside for side in ("client_", "server_"))
            assert total[kind] == want, "%s in %s" % (kind, frame)
        sent, both = collections.Counter(), collections.Counter()
        for s in inside:
            sent[s["client_ip"]] += amount(s, "client_bytes", start, end)
            sent[s["server_ip"]] += amount(s, "server_bytes", start, end)
            for a in {s["client_ip"], s["server_ip"]}:
                both[a] += amount(s, "client_bytes", start, end) + amount(s, "server_bytes", start, end)
        for direction, values in (("sent", sent), ("total", both)):
            answer = instance.view("IP", "BYTES", direction, span=(start, end), rows=40)
            got = {r["key"]: r["value"] for r in answer["rows"] if r["value"]}
            want = [v for _, v in oracle.top(values, 40) if v]
            assert sorted(got.values(), reverse=True) == want, frame
            assert all(values[k] == v for k, v in got.items()), frame


def test_parts_of_adjoining_frames_add_up(instance, long_sessions):
    t, slices = long_sessions
    low, high = t.span
    cuts = [low] + sorted(random.Random(8).sample(range(low, high), 7)) + [high]
    parts = [instance.totals((a, b)) for a, b in zip(cuts, cuts[1:])]
    assert sum(p["bytes"] for p in parts) == t.sent["bytes"]
    assert sum(p["packets"] for p in parts) == t.sent["packets"]


@pytest.mark.parametrize("entity", ["IP", "PORTPROTO", "ASN", "QOS"])
def test_series_add_up_to_their_rows(instance, long_sessions, entity):
    t, slices = long_sessions
    for count in COUNTS:
        answer = instance.view(entity, count, span=t.span, slots=37, rows=10)
        for row in answer["rows"]:
            assert len(row["series"]) == 37
            assert sum(row["series"]) == row["value"], "%s by %s: %r" % (entity, count, row["key"])


def test_a_series_cuts_sessions_by_the_same_formula(instance, long_sessions):
    t, slices = long_sessions
    start = t.sent["start"] * 1000000 + 5000000
    end = start + 60000000
    answer = instance.view("PROTO", "BYTES", span=(start, end), slots=12, rows=10)
    for i in range(12):
        a, b = start + i * 5000000, start + (i + 1) * 5000000
        want = sum(amount(s, side, a, b) for s in slices for side in ("client_bytes", "server_bytes"))
        assert sum(r["series"][i] for r in answer["rows"]) == want, "slot %d" % i


@pytest.mark.skipif(not os.environ.get("FT_GENERATOR"),
                    reason="FT_GENERATOR names no other generator to compare with")
@pytest.mark.parametrize("wire", WIRES)
def test_somebody_elses_traffic_is_exact_too(launch, folder, wire):
    """FT_GENERATOR=program, called as PROGRAM -f WIRE -n N -r RATE -e EXPORTERS -T TRUTH ADDRESS PORT."""
    import json
    instance = launch("other-" + wire)
    path = os.path.join(folder, "other-%s.tsv" % wire)
    out = subprocess.run([os.environ["FT_GENERATOR"], "-f", wire, "-n", str(SESSIONS), "-r", "20000", "-e", "2", "-T", path,
                          "127.0.0.1", str(instance.flow_port)], check=True, capture_output=True, text=True).stdout
    sent = json.loads(out)
    span = (sent["start"] - 60) * 1000000, (sent["end"] + 60) * 1000000
    instance.wait_flows(sent["records"], span)
    truth = oracle.Truth(path, vlan=wire != "v5")
    for where, select in ((None, None), ("PROTO == TCP && SRVPORT == 443", lambda r: r.proto == 6 and r.server_port == 443),
                          ("SRVPORT == 53 || CLNIP == 10.0.0.0/9",
                           lambda r: r.server_port == 53 or r.client.startswith("10.") and int(r.client.split(".")[1]) < 128)):
        check_views(instance, truth, truth.where(select), where, span, wire)
    want = collections.Counter(tuple(str(v) for v in s.values()) for s in truth.summaries().values())
    columns = list(next(iter(truth.summaries().values())))
    got = collections.Counter(tuple(r[c] or "0" for c in columns) for r in instance.sessions(span))
    assert got == want, "%r instead of %r" % (list((got - want).items())[:2], list((want - got).items())[:2])
