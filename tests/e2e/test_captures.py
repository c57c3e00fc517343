"""What real devices sent, sent again to the running system: sessions add up to what the decoders say, none lost."""
import collections
import json
import os
import time

import pytest

from captured import Senders, datagrams, decode, sums
from flowtrove import ROOT, wait_for

FOLDER = os.path.join(os.path.dirname(ROOT), "shared", "captures")
ALWAYS = (0, 4102444800000000)  # 1970 to 2100
OURS = "EXPIP == 127.9.0.0/16"


def cases():
    """(name, protocol, format, paths) of each capture."""
    for case in json.load(open(os.path.join(FOLDER, "cases.json")))["cases"]:
        yield (case["expected"].replace(".expected.json", ""), case["protocol"], case["input"][0]["format"],
               [os.path.join(FOLDER, i["file"]) for i in case["input"]])


@pytest.fixture(scope="module")
def sent(wire):
    """(instance, {exporter: (case, sums expected)}) after all captures were sent, each case by exporters of its own."""
    if not os.path.exists(os.path.join(FOLDER, "cases.json")):
        pytest.skip("no folder of captures beside the source (%s)" % FOLDER)
    instance, expected, senders = wire, {}, Senders()
    for number, (name, protocol, form, paths) in enumerate(cases()):
        rows, _ = decode(paths, form)
        addresses = {}
        for path in paths:
            for source, payload in datagrams(path, form):
                address = addresses.setdefault(source, "127.9.%d.%d" % (number + 1, len(addresses) + 1))
                senders.send(address, payload, instance.base + 4 if protocol.startswith("sflow") else instance.flow_port)
        expected[name] = (set(addresses.values()), sums(rows))
    senders.close()
    flows = sum(e["flows"] for _, e in expected.values())
    instance.wait_flows(flows, ALWAYS, where=OURS)
    return instance, expected


def test_sessions_add_up_to_what_was_decoded(sent):
    instance, expected = sent
    got = collections.defaultdict(collections.Counter)
    for s in instance.session_objects(ALWAYS, OURS):
        for what in ("flows", "bytes", "packets"):
            got[s["exporter_ip"]][what] += s["client_" + what] + s["server_" + what]
    wrong = []
    for name, (addresses, want) in expected.items():
        have = sum((got.pop(a, collections.Counter()) for a in addresses), collections.Counter())
        if +have != +want:
            wrong.append("%s: %r instead of %r" % (name, dict(have), dict(want)))
    assert not wrong, "\n".join(wrong)
    assert not got, "sessions of exporters that sent nothing: %r" % dict(got)


def test_nothing_was_dropped(sent):
    instance, expected = sent
    for name in ("kernel_drops", "sets_dropped", "exporters_refused", "old_refused"):
        assert instance.counter("ingest", name) == 0, name
    assert instance.counter("tracker", "flows") == instance.counter("ingest", "flows")
