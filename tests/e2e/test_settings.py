"""What users set and save, over the wire and held to its schemas: tokens, preferences, workspaces; and that a user with a
user filter learns nothing by any of it."""
import json
import os

import pytest

import mmdb
from checked import Checked
from flowtrove import Traffic, wait_for

JOE = {"user": "joe plain", "password": "sunflower"}
NARROW = {"user": "narrow", "password": "keyhole"}


@pytest.fixture(scope="module")
def instance(launch, folder):
    asn = os.path.join(str(folder), "asn.mmdb")
    mmdb.write(asn, {"10.0.0.0/9": {"autonomous_system_number": 64501, "autonomous_system_organization": "Example Süd GmbH"},
                     "10.128.0.0/9": {"autonomous_system_number": 64502, "autonomous_system_organization": "Another <Net>"},
                     "172.16.0.0/12": {"autonomous_system_number": 64501, "autonomous_system_organization": "Example Süd GmbH"},
                     "192.168.0.0/16": {"autonomous_system_number": 64503, "autonomous_system_organization": "Third"}})
    return launch("instance", {"storage/storageinterval": 1, "ip2asnfile": asn})


@pytest.fixture(scope="module")
def client(instance):
    c = Checked("tcp://127.0.0.1:%d" % instance.base)
    yield c
    c.close()


@pytest.fixture(scope="module")
def admin(instance):
    return {"user": "admin", "password": instance.password}


@pytest.fixture(scope="module", autouse=True)
def users(client, admin):
    assert client.last("users.add", admin, name=JOE["user"], password=JOE["password"])["ok"]
    assert client.last("users.add", admin, name=NARROW["user"], password=NARROW["password"], filter="SRVPORT == 443")["ok"]


def code(reply):
    return "ok" if reply["ok"] else reply["error"]["code"]


@pytest.fixture(scope="module")
def gate(instance):
    c = Checked("ipc://%s/queryd.gate" % instance.setting("rundir"))
    yield lambda op, auth, address, **members: c.ask(op, auth, on_behalf_of=address, **members)[0]
    c.close()


def test_a_token_stands_for_its_user_until_it_is_revoked(instance, client, admin, gate):
    made = client.last("tokens.add", JOE, name="nightly report")
    bound = client.last("tokens.add", JOE, name="from one host", address="192.0.2.7", expires_us=4000000000000000)
    assert client.last("whoami", {"token": made["token"]})["user"] == JOE["user"]
    assert code(client.last("whoami", {"token": bound["token"]})) == "auth"
    # the gateway says for whom it asks
    assert gate("whoami", {"token": bound["token"]}, "192.0.2.7")["user"] == JOE["user"]
    assert code(gate("whoami", {"token": bound["token"]}, "192.0.2.8")) == "auth"
    assert code(client.last("tokens.add", {"token": made["token"]}, name="child")) == "refused"
    assert code(client.last("users.list", {"token": made["token"]})) == "forbidden"
    listed = client.last("tokens.list", JOE)["tokens"]
    assert {t["name"] for t in listed} == {"nightly report", "from one host"} and made["token"] not in json.dumps(listed)
    assert client.last("tokens.list", NARROW)["tokens"] == []
    assert code(client.last("tokens.list", JOE, all=True)) == "forbidden"
    assert code(client.last("tokens.delete", NARROW, token_id=made["token_id"])) == "not_found"
    assert client.last("users.password", admin, name=JOE["user"], password=JOE["password"])["ok"]
    assert client.last("whoami", {"token": made["token"]})["ok"], "an API token outlives a change of password"
    instance.wait_restarted("queryd", instance.kill("queryd"))
    assert client.last("whoami", {"token": made["token"]})["ok"]
    assert made["token_id"] in {t["id"] for t in client.last("tokens.list", admin, all=True)["tokens"]}
    assert client.last("tokens.delete", admin, token_id=made["token_id"])["ok"]
    assert code(client.last("whoami", {"token": made["token"]})) == "auth"
    acts = "\n".join(client.last("audit.list", admin)["lines"])
    assert 'act=tokens.add name="nightly report"' in acts and "act=tokens.delete" in acts
    assert made["token"] not in acts and bound["token"] not in acts


def test_a_login_is_a_token_that_ends_with_logout_or_a_new_password(client, admin):
    first = client.last("login", JOE, token=True)
    auth = {"token": first["token"]}
    assert first["token_age"] >= 60 and client.last("whoami", auth)["user"] == JOE["user"]
    assert [t["kind"] for t in client.last("tokens.list", auth)["tokens"] if t["kind"] == "login"] == ["login"]
    assert [u["logged_in"] for u in client.last("users.list", admin)["users"] if u["name"] == JOE["user"]] == [True]
    assert client.last("logout", auth)["ok"] and code(client.last("whoami", auth)) == "auth"
    assert code(client.last("logout", JOE)) == "bad_request"
    second = {"token": client.last("login", JOE, token=True)["token"]}
    assert client.last("users.password", JOE, name=JOE["user"], password=JOE["password"])["ok"]
    assert code(client.last("whoami", second)) == "auth"


def test_preferences_are_ones_own(client):
    assert client.last("prefs.set", JOE, key="workspace.columns", value={"order": [3, 1, 2], "dark": True})["ok"]
    assert client.last("prefs.set", NARROW, key="rows", value=100)["ok"]
    assert client.last("prefs.get", JOE)["prefs"] == {"workspace.columns": {"order": [3, 1, 2], "dark": True}}
    assert client.last("prefs.get", NARROW, key="rows")["prefs"] == {"rows": 100}
    assert code(client.last("prefs.set", JOE, key="big", value=["x" * 60000] * 2)) == "bad_request"
    assert code(client.last("prefs.set", JOE, key="a", value="x" * 60000)) == "ok"
    assert code(client.last("prefs.set", JOE, key="b", value="x" * 60000)) == "refused"
    assert client.last("prefs.set", JOE, key="a", value=None)["ok"]
    assert set(client.last("prefs.get", JOE)["prefs"]) == {"workspace.columns"}


def test_workspaces_are_saved_shared_and_kept_from_whom_they_are_not_for(client, admin):
    state = {"v": 1, "filter": "ADDR == 10.66.66.66", "views": []}
    mine = client.last("workspaces.save", JOE, name="Mine", state=state)["workspace"]
    shared = client.last("workspaces.save", JOE, name="<b>Ours</b>", state=state, notes="the server 10.66.66.66", share="all")["workspace"]
    told = client.last("workspaces.save", JOE, name="For all", state=state, share="everyone", icon="star")["workspace"]

    def seen(who):
        return {w["id"] for w in client.last("workspaces.list", who)["workspaces"] if not w["built_in"]}
    assert seen(JOE) == {mine["id"], shared["id"], told["id"]}
    assert seen(admin) == {shared["id"], told["id"]}
    assert seen(NARROW) == {told["id"]}
    assert code(client.last("workspaces.get", NARROW, workspace=shared["id"])) == "not_found"
    assert code(client.last("workspaces.delete", NARROW, workspace=shared["id"])) == "not_found"
    assert client.last("workspaces.get", admin, workspace=shared["id"])["workspace"]["state"] == state
    assert code(client.last("workspaces.save", admin, workspace=shared["id"], name="x")) == "refused"
    assert client.last("workspaces.save", JOE, workspace=told["id"], share="none")["ok"] and seen(NARROW) == set()
    example = client.last("workspaces.get", NARROW, workspace="builtin:ssh")["workspace"]
    assert client.last("filter.check", NARROW, filter=example["state"]["filter"])["ok"]
    for w in client.last("workspaces.list", JOE)["workspaces"]:
        if w["built_in"]:
            whole = client.last("workspaces.get", JOE, workspace=w["id"])["workspace"]["state"]
            for v in whole["views"]:
                reply = client.last("stat", JOE, group_by=v["entity"], count_by=v["count"], direction=v["direction"],
                                    filter=whole["filter"], last=whole["last"])
                assert reply["ok"], (w["name"], reply)
    assert client.last("workspaces.delete", admin, workspace=shared["id"])["ok"]
    assert 'owner="%s"' % JOE["user"] in client.last("audit.list", admin)["lines"][-1]
    assert seen(JOE) == {mine["id"], told["id"]}


def test_what_a_user_saved_goes_with_the_user(client, admin):
    who = {"user": "leaver", "password": "bye"}
    client.last("users.add", admin, name=who["user"], password=who["password"])
    client.last("prefs.set", who, key="k", value=1)
    client.last("workspaces.save", who, name="left behind", state={}, share="everyone")
    token = client.last("tokens.add", who, name="left too")["token"]
    assert client.last("users.delete", admin, name=who["user"])["ok"]
    assert code(client.last("whoami", {"token": token})) == "auth"
    assert "left behind" not in json.dumps(client.last("workspaces.list", admin))
    client.last("users.add", admin, name=who["user"], password=who["password"])
    assert client.last("prefs.get", who)["prefs"] == {} and client.last("tokens.list", who)["tokens"] == []


@pytest.fixture(scope="module")
def traffic(instance, client, admin, folder):
    """Groups first: addresses are tagged when they come."""
    assert client.last("groups.set", admin, groups=[{"name": "Lab", "blocks": ["0.0.0.0/0"]},
                                                     {"name": "Lab/Deep", "blocks": ["128.0.0.0/1"]}])["ok"]
    t = Traffic(folder, instance.flow_port, 2000, "v9", start=1754000000, seed=5).wait()
    instance.wait_flows(t.sent["records"], t.span)
    return {"from": t.span[0], "to": t.span[1]}


def test_groups_are_set_whole_or_not_at_all_and_tag_what_comes(client, admin, traffic):
    wanted = client.last("groups.list", JOE)["groups"]
    assert [g["name"] for g in wanted] == ["Lab", "Lab/Deep"]
    assert code(client.last("groups.list", NARROW)) == "forbidden"
    assert code(client.last("groups.set", JOE, groups=[])) == "forbidden"
    wrong = client.last("groups.set", admin, groups=wanted + [{"name": "Bad", "blocks": ["10.0.0.0/8", "300.0.0.0/8"]}])["error"]
    assert wrong["at"] == "/groups/2" and "Bad" in wrong["message"] and "block 2" in wrong["message"]
    assert client.last("groups.list", admin)["groups"] == wanted
    assert 'failed="group Bad' in client.last("audit.list", admin)["lines"][-1]
    keys = {r["key"] for r in client.last("stat", admin, group_by="GROUP", **traffic)["view"]["rows"]}
    assert keys == {"Lab", "Lab/Deep"}


def test_friendly_names_show_beside_rows_and_ones_own_beats_the_one_for_all(client, admin, traffic):
    def rows(who, entity):
        return client.last("stat", who, group_by=entity, rows=2000, **traffic)["view"]["rows"]
    top = rows(admin, "IP")[0]["key"]
    hidden = {r["key"] for r in rows(admin, "IP")} - {r["key"] for r in rows(NARROW, "IP")}
    secret = sorted(hidden)[0]
    assert client.last("names.set", admin, kind="address", key=top, name="Big one", **{"for": "all"})["key"] == top
    assert client.last("names.set", admin, kind="address", key=secret, name="Vault", **{"for": "all"})["ok"]
    assert client.last("names.set", JOE, kind="address", key=top, name="<i>mine</i>")["ok"]
    assert client.last("names.set", admin, kind="port", key="443/6", name="Web", **{"for": "all"})["key"] == "443/TCP"
    label = {who["user"]: {r["key"]: r["label"] for r in rows(who, "IP")}.get(top) for who in (admin, JOE)}
    assert label == {"admin": "Big one", JOE["user"]: "<i>mine</i>"}
    pair = [r for r in rows(admin, "IPPAIR") if top in r["key"]][0]
    assert pair["labels"][pair["key"].index(top)] == "Big one" and "Big one" in pair["label"]
    assert {r["key"]: r["label"] for r in rows(admin, "PORTPROTO")}["443/TCP"] == "Web"
    service = [r for r in rows(NARROW, "SERVICE") if r["key"].endswith(":443/TCP")][0]
    assert service["label"].endswith(":Web")
    # a name may stand in a filter; who has a user filter learns nothing by trying
    named = client.last("stat", JOE, group_by="IP", filter='ADDR == "big one"', **traffic)["view"]
    assert named["rows"][0]["key"] == top and named["resolved"] == {"big one": [top]}
    assert client.last("stat", JOE, group_by="IP", filter='ADDR == "<i>mine</i>"', **traffic)["view"]["rows"][0]["key"] == top
    tried = client.last("stat", NARROW, group_by="IP", filter='ADDR == "Big one"', **traffic)["error"]
    assert tried == client.last("stat", NARROW, group_by="IP", filter='ADDR == "big two"', **traffic)["error"] | {"message": tried["message"]}
    # a name for all may tell of what a user filter hides: it comes with a row, or not
    assert client.last("names.list", NARROW)["names"] == []
    assert "Vault" not in json.dumps([rows(NARROW, e) for e in ("IP", "IPPAIR", "SERVICE")])
    assert code(client.last("names.set", JOE, kind="address", key=top, name="x", **{"for": "all"})) == "forbidden"
    assert {n["for"] for n in client.last("names.list", JOE)["names"]} == {"me", "all"}
    first = client.last("names.list", JOE, most=2)
    rest = client.last("names.list", JOE, most=10, after=first["next"])
    assert rest["next"] is None and first["names"] + rest["names"] == client.last("names.list", JOE)["names"]
    for kind, key in (("address", "10.1"), ("netblock", "10.0.0.0/33"), ("port", "443"), ("mac", "00:11"), ("interface", "10.0.0.1"),
                      ("as", "google"), ("planet", "mars"), ("group", "a\nb")):
        assert code(client.last("names.set", JOE, kind=kind, key=key, name="x")) == "bad_request", (kind, key)
    assert client.last("names.delete", JOE, kind="address", key=top)["ok"]
    assert code(client.last("names.delete", JOE, kind="address", key=top)) == "not_found"
    assert {r["key"]: r["label"] for r in rows(JOE, "IP")}[top] == "Big one"


def test_who_is_online_and_whose_password_is_changed_by_whom(client, admin):
    login = {"token": client.last("login", admin, token=True)["token"]}
    online = client.last("users.online", login)["online"]
    assert ("admin", "login") in {(o["user"], o["kind"]) for o in online}
    assert code(client.last("users.online", JOE)) == "forbidden"
    change = {"name": JOE["user"], "password": JOE["password"]}
    refused = client.last("users.password", login, **change)["error"]
    assert (refused["code"], refused["at"]) == ("forbidden", "/own")
    assert code(client.last("users.password", login, own="wrong", **change)) == "forbidden"
    assert client.last("users.password", login, own=admin["password"], **change)["ok"]


def test_the_audit_log_is_read_in_pages(client, admin):
    pages, before = [], {}
    while before.get("before") != 0:
        page = client.last("audit.list", admin, lines=7, **before)
        pages = page["lines"] + pages
        before = {"before": page["before"]}
    assert len(pages) == len(set(pages)) and len(pages) > 7
    assert pages[-5:] == client.last("audit.list", admin, lines=5)["lines"]


def test_switches_are_for_administrators_and_their_secrets_stay_inside(client, admin):
    assert code(client.last("switches.list", JOE)) == "forbidden"
    reply = client.last("switches.set", admin, address="127.0.0.1", set={"community": "hush-hush", "enabled": False})
    assert reply["ok"] or reply["error"]["code"] == "unavailable", reply
    listed = client.last("switches.list", admin)
    assert "hush-hush" not in json.dumps([reply, listed, client.last("audit.list", admin)])
    if listed["ok"]:
        assert client.last("switches.forget", admin, address="127.0.0.1")["ok"]


def test_as_have_names_in_views_and_filters(client, admin, traffic):
    rows = client.last("stat", admin, group_by="ASN", rows=50, **traffic)["view"]["rows"]
    assert {r["key"]: r["label"] for r in rows}["64501"] == "Example Süd GmbH"
    total = {f: client.last("stat", admin, group_by="IP", filter=f, **traffic)["view"]["total"]
             for f in ("ASN == 64501", 'ASN == "example süd gmbh"', "ASN == *ple*", "ASN != Third && ASN == Example*")}
    assert total["ASN == 64501"]["sessions"] > 0 and total["ASN == 64501"] == total["ASN == *ple*"]
    wrong = client.last("stat", admin, filter='ASN == "No Such"', **traffic)["error"]
    assert wrong["code"] == "bad_filter" and "no AS has this name" in wrong["message"]
    assert client.last("filter.check", JOE, filter="ASN == Third")["ok"]
    client.last("names.set", JOE, kind="as", key="AS64501", name="Uplink")
    rows = client.last("stat", JOE, group_by="ASNPAIR", rows=50, **traffic)["view"]["rows"]
    assert any("Uplink" in (r.get("labels") or []) for r in rows)


def test_lookups_tell_a_user_with_a_filter_only_of_what_shows(client, admin, traffic):
    def keys(who):
        return [r["key"] for r in client.last("stat", who, group_by="IP", rows=4000, **traffic)["view"]["rows"]]
    seen = keys(NARROW)[0]
    out = sorted(set(keys(admin)) - set(keys(NARROW)))
    hidden = [k for k in out if k.startswith(("10.", "172.16.", "192.168."))]
    assert hidden, out
    hidden = hidden[0]
    one, two, three = client.last("lookup", admin, addresses=[seen, hidden, "127.0.0.1"])["addresses"]
    assert one["as"] and one["as_name"] and two["as"] and one["netblock"]
    assert three["name"] or three["pending"] or three["name"] is None
    shown, kept = client.last("lookup", NARROW, addresses=[seen, hidden], wait_ms=0, **traffic)["addresses"]
    assert shown["as"] == one["as"]
    assert kept == {"address": hidden, "name": None, "pending": False, "country": None, "as": None, "as_name": None, "netblock": None}
    assert client.last("lookup", NARROW, addresses=[hidden], last="1m")["addresses"][0]["as"] is None
    assert client.last("lookup", admin, addresses=[seen, "x"])["error"]["at"] == "/addresses/1"


def test_completion_offers_what_may_be_seen(client, admin, traffic):
    def values(who, field, prefix="", **more):
        reply = client.last("complete", who, field=field, prefix=prefix, most=1000, **traffic, **more)
        assert reply["ok"], reply
        return {v["value"]: v["label"] for v in reply["values"]}
    assert values(NARROW, "CC", "germ") == {"DE": "Germany"} and "FR" in values(JOE, "clncc", "f")
    assert "TCP" in values(JOE, "PROTO", "t") and "FSYN" in values(JOE, "FLAGS", "fs")
    assert "https" in values(JOE, "SRVPORT", "http")
    assert values(JOE, "ASN", "süd") == {"64501": "Example Süd GmbH"} or "64501" in values(JOE, "ASN", "süd")
    assert set(values(JOE, "GRP")) == {"Lab", "Lab/Deep"} and set(values(NARROW, "GRP")) <= {"Lab", "Lab/Deep"}
    everything, inside = set(values(admin, "ADDR", "10.")), set(values(NARROW, "ADDR", "10."))
    seen = {r["key"] for r in client.last("stat", NARROW, group_by="IP", rows=4000, **traffic)["view"]["rows"]}
    assert inside and inside <= seen and not everything <= seen
    assert "Vault" not in json.dumps(values(NARROW, "ADDR", "vau")) and "Vault" in json.dumps(values(JOE, "ADDR", "vau"))
    assert "127.0.0.1" in values(JOE, "EXPIP") and "127.0.0.1" in values(NARROW, "EXPIP")
    assert code(client.last("complete", JOE, field="NONSENSE")) == "bad_request"


def test_settings_are_changed_in_the_file_and_taken_by_the_daemons(instance, client, admin):
    def value(name):
        return [s["value"] for s in client.last("settings.get", admin)["settings"] if s["name"] == name][0]
    before = open(instance.conf).read()
    done = client.last("settings.set", admin, key="querytime", value=77)
    assert done["ok"] and done["live"] and {"queryd", "ingest", "tracker", "store"} <= set(done["reloaded"]), done
    assert value("querytime") == 77
    assert client.last("settings.set", admin, key="sessiontables/timeout", value="2h")["ok"] and value("sessiontables/timeout") == 7200
    assert not client.last("settings.set", admin, key="querythreads", value=4)["live"]
    after = open(instance.conf).read()
    kept = [x for x in before.splitlines() if not any(k in x for k in ("querytime", "timeout", "querythreads"))]
    assert [x for x in after.splitlines() if x in kept] == kept
    for key, wrong in (("querytime", "soon"), ("querytime", -1), ("storage/storageinterval", 100000), ("querytime", "1\nlogfile /etc/x"),
                       ("querytime", {"a": 1}), ("debuglevel", "LOUD")):
        assert code(client.last("settings.set", admin, key=key, value=wrong)) == "bad_request", (key, wrong)
    assert code(client.last("settings.set", admin, key="nothing", value=1)) == "not_found"
    assert code(client.last("settings.set", admin, key="logfile", value="/etc/passwd")) == "refused"
    assert code(client.last("settings.set", JOE, key="querytime", value=1)) == "forbidden"
    assert open(instance.conf).read() == after and not os.path.exists(instance.conf + ".new")
    assert 'act=settings.set key="querytime" value="77"' in "\n".join(client.last("audit.list", admin)["lines"])


def test_capacity_says_what_sizes_hold(client, admin, traffic):
    wait_for("the store to count its slices", lambda: client.last("capacity", admin)["now"]["slices"] >= 2000)
    now = client.last("capacity", admin)
    assert now["now"]["sessions_room"] > 0 and now["now"]["bytes_a_session"] > 100
    assert now["database"]["slices"] > now["cache"]["slices"] > 0 and now["tracker"]["sessions"] == now["now"]["sessions_room"]
    more = client.last("capacity", admin, conntracksize=2 * now["tracker"]["sessions"], memcachesize=1000, databasesize=32000000)
    assert more["tracker"]["bytes"] > 1.9 * now["tracker"]["bytes"] and more["cache"]["slices"] == 1000
    assert more["database"]["bytes"] <= 32000000 and more["database"]["percent_full"] > now["database"]["percent_full"]
    assert code(client.last("capacity", JOE)) == "forbidden"
