"""Orderly stops and starts, and settings that change while running."""
import os
import signal

import pytest

import oracle
from flowtrove import DAEMONS, Traffic, wait_for


def records_sent(t):
    return {"flows": t.sent["records"], "sessions": t.sent["sessions"], "bytes": t.sent["bytes"], "packets": t.sent["packets"]}


def check(instance, t):
    got, want = instance.wait_flows(t.sent["records"], t.span), records_sent(t)
    assert {k: got[k] for k in want} == want


def test_what_is_stored_is_there_after_down_and_up(instance, folder):
    t = Traffic(folder, instance.flow_port, 6000, "ipfix", seed=1, more=["-a", 10]).wait()
    check(instance, t)
    password, port = instance.password, instance.base
    instance.down()
    assert not any(instance.running(d) for d in DAEMONS)
    instance.up()
    assert (instance.password, instance.setting("listenport")) == (password, str(port))
    check(instance, t)


def test_down_right_after_the_last_datagram_loses_nothing(instance, folder):
    t = Traffic(folder, instance.flow_port, 6000, "v9", start=1751000000, seed=2).wait()
    instance.down()
    instance.up()
    check(instance, t)


def test_each_daemon_alone_can_be_stopped_and_started_under_load(instance, folder):
    t = Traffic(folder, instance.flow_port, 60000, "v9", start=1752000000, seed=3, rate=8000)
    for d in DAEMONS:
        old = instance.kill(d, signal.SIGTERM)
        instance.wait_restarted(d, old)
    t.wait()
    check(instance, t)


def test_templates_outlive_a_restart(instance, folder):
    first = Traffic(folder, instance.flow_port, 500, "ipfix", start=1753000000, seed=4, source="127.5.0.1", exporters=1).wait()
    check(instance, first)
    instance.down()
    instance.up()
    # the same exporter goes on, its sequence tells, and sends no template again
    second = Traffic(folder, instance.flow_port, 500, "ipfix", start=1753001000, seed=5, source="127.5.0.1", exporters=1,
                     more=["-N", "-q", first.sent["records"]]).wait()
    check(instance, second)


def test_data_before_its_template_waits_for_it(instance, folder):
    early = Traffic(folder, instance.flow_port, 200, "ipfix", start=1754000000, seed=6, source="127.6.0.1", more=["-N"]).wait()
    late = Traffic(folder, instance.flow_port, 200, "ipfix", start=1754001000, seed=7, source="127.6.0.1").wait()
    check(instance, late)
    check(instance, early)


def test_a_session_goes_on_over_a_restart_of_the_tracker(instance, folder):
    t = Traffic(folder, instance.flow_port, 3000, "v9", start=1755000000, seed=8, rate=6000, more=["-d", 40, "-a", 5, "-p", 100])
    for _ in range(2):
        old = instance.kill("tracker", signal.SIGTERM)
        instance.wait_restarted("tracker", old)
    t.wait()
    check(instance, t)
    truth = oracle.Truth(t.truth)
    assert len(instance.sessions(t.span)) == len(truth.sessions)


def test_sighup_applies_what_can_change_and_names_what_needs_a_restart(instance):
    instance.configure({"storage/storageinterval": 2, "stall": 16})
    before = {d: instance.running(d) for d in DAEMONS}
    for d in DAEMONS:
        instance.kill(d, signal.SIGHUP)
    for d in DAEMONS:
        wait_for("%s to say that stall needs a restart" % d, lambda: "stall changed: takes effect at the next start" in instance.log(d))
    assert {d: instance.running(d) for d in DAEMONS} == before


def test_sighup_with_a_bad_file_changes_nothing_and_says_where(instance, folder):
    good = open(instance.conf).read()
    lines = good.count("\n")
    with open(instance.conf, "a") as f:
        f.write("\nstorageintervall 7\n")
    before = {d: instance.running(d) for d in DAEMONS}
    for d in DAEMONS:
        instance.kill(d, signal.SIGHUP)
    for d in DAEMONS:
        wait_for("%s to name the line" % d, lambda: "storageintervall" in instance.log(d))
        assert ("flowtrove.conf:%d" % (lines + 2)) in instance.log(d)
    assert {d: instance.running(d) for d in DAEMONS} == before
    with open(instance.conf, "w") as f:
        f.write(good)
    t = Traffic(folder, instance.flow_port, 500, "v5", start=1756000000, seed=9).wait()
    check(instance, t)


def test_up_of_a_running_instance_changes_nothing(instance):
    before = {d: instance.running(d) for d in DAEMONS}
    instance.up()
    assert {d: instance.running(d) for d in DAEMONS} == before


@pytest.mark.parametrize("word", ["ingest", "tracker", "store", "queryd"])
def test_status_names_every_daemon(instance, word):
    out = instance.ask("ft-ctl", "status", "-c", instance.conf, user=None)
    assert word in out and os.path.exists(instance.conf)
