#!/usr/bin/env python3
"""Writes docs/protocol/*.json, a JSON Schema of request and reply of each operation of the query protocol, and docs/openapi.yaml.

Requests come from queryd/operations.def, replies from REPLIES below.  A new operation is a row there and an entry here;
`generate.py --check` (a test runs it) says whether the files are what they should be.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import openapi  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
STRING, INTEGER, NUMBER, BOOLEAN = ({"type": t} for t in ("string", "integer", "number", "boolean"))
NULL = {"type": "null"}


def maybe(schema):
    return {"anyOf": [schema, NULL]}


def listed(schema):
    return {"type": "array", "items": schema}


def obj(required, optional=None, more=False):
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": sorted(required),
            "additionalProperties": more}


SECRET = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
AUTH = {"oneOf": [obj({"user": STRING, "password": STRING}), obj({"key": SECRET}), obj({"token": SECRET})]}
ID = {"type": ["string", "number", "null"]}
ERROR = obj({"v": {"const": 1}, "id": ID, "ok": {"const": False},
             "error": obj({"code": {"enum": ["bad_request", "unknown_op", "bad_filter", "bad_time", "too_large", "auth",
                                             "must_change_password", "throttled", "forbidden", "not_found", "exists",
                                             "refused", "cancelled", "limit", "unavailable", "internal"]},
                           "message": STRING}, {"at": STRING, "retry_s": INTEGER})})
PROGRESS = obj({"v": {"const": 1}, "id": ID, "ok": {"const": True}, "more": {"const": True},
                "progress": obj({"rows_scanned": INTEGER, "rows_total": INTEGER, "elapsed_ms": INTEGER, "waiting": BOOLEAN})})
KEEPALIVE = obj({"v": {"const": 1}, "ok": {"const": True}, "more": {"const": True}, "keepalive": {"const": True}})
PAYLOAD = obj({"v": {"const": 1}, "id": ID, "ok": {"const": True}, "more": {"const": True},
               "payload": {"enum": ["csv", "ndjson", "json"]}})
TOTAL = {"sessions": INTEGER, "bytes": INTEGER, "packets": INTEGER, "flows": INTEGER}
REPORT = {"from_us": INTEGER, "to_us": INTEGER, "complete_until_us": maybe(INTEGER), "rows_scanned": INTEGER,
          "blocks_scanned": INTEGER, "blocks_pruned": INTEGER, "source": {"enum": ["ram", "disk", "mixed"]},
          "elapsed_ms": NUMBER, "warnings": listed(STRING)}
ROW = obj({"key": {"anyOf": [STRING, {"type": "array", "items": STRING, "minItems": 2, "maxItems": 2}]},
           "label": maybe(STRING), "value": INTEGER, "percent": NUMBER, "bytes_sent": INTEGER, "bytes_received": INTEGER,
           "packets_sent": INTEGER, "packets_received": INTEGER, "sessions_initiated": INTEGER,
           "sessions_accepted": INTEGER, "colour": INTEGER},
          {"series": listed(INTEGER), "labels": {"type": "array", "items": maybe(STRING), "minItems": 2, "maxItems": 2}})
VIEW = obj({"entity": STRING, "count": STRING, "direction": {"enum": ["total", "sent", "received"]}, "offset": INTEGER,
            "slots": INTEGER, "rows": listed(ROW), "total": obj(TOTAL),
            "other": obj({"count": INTEGER, "value": maybe(INTEGER)}, {"series": listed(INTEGER)}), **REPORT},
           {"filter": STRING, "resolved": {"type": "object"}})
ME = {"user": STRING, "admin": BOOLEAN, "restricted": BOOLEAN}
TOKEN = {"token": SECRET, "token_age": INTEGER}
MUST = {"must_change_password": {"const": True}}
KEY = {"session_key": SECRET, "session_key_age": INTEGER}
TICKET = obj({"id": STRING, "user": STRING, "kind": {"enum": ["key", "login", "token"]}, "name": STRING, "address": maybe(STRING),
              "created_us": INTEGER, "used_us": maybe(INTEGER), "expires_us": maybe(INTEGER)})
WORKSPACE = {"id": STRING, "name": STRING, "description": STRING, "icon": STRING, "share": {"enum": ["none", "all", "everyone"]},
             "owner": maybe(STRING), "mine": BOOLEAN, "built_in": BOOLEAN, "created_us": maybe(INTEGER), "changed_us": maybe(INTEGER)}

FIGURES = {k: INTEGER for k in ("datagrams", "flows", "flows_disabled", "options", "templates", "sets_waiting", "sets_dropped",
                                "undecodable", "sequence_gaps", "duplicates", "kernel_drops", "full_wait_us",
                                "samples_missing", "sampler_drops")}
STATE = {"enum": ["ok", "silent", "no template yet", "clock wrong", "sequence gaps", "undecodable", "disabled"]}
SOURCE = {"version": INTEGER, "protocol": STRING, "domain": INTEGER}
SOURCE_FIGURES = {"port": INTEGER, "state": STATE, "why": STRING, "last_us": INTEGER, "skew_us": INTEGER,
                  "correction_us": INTEGER, "flows_per_hour": maybe(INTEGER), "sampling": maybe(INTEGER),
                  "sampling_exported": maybe(INTEGER), "proxy": maybe(STRING),
                  "sampling_source": {"enum": ["unknown", "header", "option", "record", "override"]}, **FIGURES}
EXPORTER = {"id": INTEGER, "address": STRING, "guid": maybe(STRING), "name": STRING, "tags": listed(STRING),
            "sources": listed({"anyOf": [obj(SOURCE), obj({**SOURCE, **SOURCE_FIGURES})]})}
EXPORTER_SETTINGS = {"enabled": BOOLEAN, "clock": {"enum": ["auto", "trust", "arrival"]}, "sampling_override": maybe(INTEGER),
                     "sampling_interfaces": listed(obj({"index": INTEGER, "sampling": INTEGER})), "first_seen_us": INTEGER,
                     "last_us": maybe(INTEGER), "state": STATE, "why": STRING, "flows_per_hour": maybe(INTEGER), **FIGURES}
INTERFACE = obj({"index": INTEGER, "name": maybe(STRING), "description": maybe(STRING), "sampling_override": maybe(INTEGER)},
                more=True)
# of a user with a user filter, and of everybody else
EXPORTER_LISTED = {"anyOf": [obj(EXPORTER), obj({**EXPORTER, **EXPORTER_SETTINGS})]}
EXPORTER_FULL = obj({**EXPORTER, **EXPORTER_SETTINGS, "interfaces": listed(INTERFACE),
                     "vrfs": listed(obj({"id": INTEGER, "name": STRING}))})

ELEMENT = obj({"name": STRING, "element": STRING, "type": {"enum": ["unsigned", "signed", "float", "address", "mac", "string",
                                                                    "octets", "boolean", "time", "unknown"]},
               "lengths": listed({"type": ["integer", "string"]}), "fate": {"enum": ["column", "kept", "skipped", "option"]},
               "records": INTEGER, "samples": {"type": "array"}})
SWITCH = obj({"address": STRING}, more=True)

# operation: (required members of the last reply, optional ones)
REPLIES = {
    "login": (ME, {**KEY, **TOKEN, **MUST}),
    "logout": ({}, {}),
    "key": ({**ME, **KEY}, {}),
    "whoami": (ME, MUST),
    "stat": ({"view": VIEW}, {}),
    "sessions": ({"summary": obj({**TOTAL, **REPORT}, {"filter": STRING, "resolved": {"type": "object"}, "rows": INTEGER}, more=True)}, {}),
    "grammar": ({"grammar": obj({"fields": listed({"type": "object"}), "operators": {"type": "array"},
                                 "entities": {"type": "array"}, "counts": {"type": "array"}}, more=True)}, {}),
    "filter.check": ({"filter": STRING}, {}),
    "status": ({"version": STRING, "now_us": INTEGER},
               {"complete_until_us": maybe(INTEGER), "started_us": INTEGER, "queries_waiting": INTEGER,
                "queries_running": INTEGER, "query_threads": INTEGER, "store": {"type": "object"}}),
    "users.list": ({"users": listed(obj({"name": STRING, "admin": BOOLEAN, "filter": maybe(STRING),
                                         "must_change_password": BOOLEAN, "created_us": INTEGER, "logged_in": BOOLEAN}))}, {}),
    "users.add": ({}, {}),
    "users.delete": ({}, {}),
    "users.set": ({}, {}),
    "users.password": ({}, {}),
    "users.online": ({"online": listed(obj({"user": STRING, "kind": {"enum": ["login", "key", "request"]}, "address": maybe(STRING),
                                            "since_us": maybe(INTEGER), "used_us": maybe(INTEGER)}))}, {}),
    "names.list": ({"names": listed(obj({"for": {"enum": ["me", "all"]}, "kind": STRING, "key": STRING, "name": STRING, "by": STRING,
                                         "changed_us": INTEGER})), "next": maybe(STRING)}, {}),
    "names.set": ({"key": STRING}, {}),
    "names.delete": ({"key": STRING}, {}),
    "complete": ({"values": listed(obj({"value": STRING, "label": maybe(STRING)})), "cut": BOOLEAN}, {}),
    "lookup": ({"addresses": listed(obj({"address": STRING, "name": maybe(STRING), "pending": BOOLEAN, "country": maybe(STRING),
                                         "as": maybe(INTEGER), "as_name": maybe(STRING), "netblock": maybe(STRING)}))}, {}),
    "groups.list": ({"groups": listed(obj({"name": STRING, "blocks": listed(STRING)}, more=True))}, {}),
    "groups.set": ({"tag_version": INTEGER}, {}),
    "switches.list": ({"switches": listed(SWITCH)}, {}),
    "switches.set": ({}, {"switch": SWITCH, "result": {}}),
    "switches.refresh": ({}, {"switch": SWITCH, "result": {}}),
    "switches.test": ({}, {"switch": SWITCH, "result": {}}),
    "switches.forget": ({}, {"switch": SWITCH, "result": {}}),
    "tokens.list": ({"tokens": listed(TICKET)}, {}),
    "tokens.add": ({"token_id": STRING, "token": SECRET}, {}),
    "tokens.delete": ({}, {}),
    "prefs.get": ({"prefs": {"type": "object"}}, {}),
    "prefs.set": ({}, {}),
    "workspaces.list": ({"workspaces": listed(obj(WORKSPACE))}, {}),
    "workspaces.get": ({"workspace": obj({**WORKSPACE, "notes": STRING, "state": {"type": "object"}})}, {}),
    "workspaces.save": ({"workspace": obj(WORKSPACE)}, {}),
    "workspaces.delete": ({}, {}),
    "exporters.list": ({"exporters": listed(EXPORTER_LISTED)}, {}),
    "exporters.get": ({"exporter": {"anyOf": [obj(EXPORTER), EXPORTER_FULL]}}, {}),
    "exporters.set": ({"exporter": EXPORTER_FULL}, {}),
    "exporters.forget": ({}, {}),
    "exporters.elements": ({"address": STRING, "name": STRING, "records": INTEGER, "elements": listed(ELEMENT)}, {}),
    "audit.list": ({"lines": listed(STRING), "before": INTEGER}, {}),
    "settings.get": ({"settings": listed(obj({"name": STRING, "value": {}, "default": STRING, "help": STRING,
                                              "live": BOOLEAN, "settable": BOOLEAN}))}, {}),
    "capacity": ({"now": obj({"slices": INTEGER, "bytes": INTEGER, "sessions_followed": INTEGER, "sessions_room": INTEGER,
                              "oldest_us": maybe(INTEGER), "bytes_a_slice": NUMBER, "bytes_a_session": NUMBER,
                              "slices_a_second": maybe(NUMBER), "estimated": BOOLEAN}),
                  "database": obj({"slices": INTEGER, "bytes": INTEGER, "seconds": maybe(INTEGER), "seconds_left": maybe(INTEGER),
                                   "percent_full": NUMBER}),
                  "cache": obj({"slices": INTEGER, "bytes": INTEGER, "seconds": maybe(INTEGER)}),
                  "tracker": obj({"sessions": INTEGER, "bytes": INTEGER, "percent_full": NUMBER})}, {}),
    "settings.set": ({"name": STRING, "value": STRING, "live": BOOLEAN, "reloaded": listed(STRING)}, {}),
}


def string_of(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def operations():
    """[(name, kind, right, help, {member: schema}, [needed members])] of operations.def."""
    text = re.sub(r"/\*.*?\*/", "", open(os.path.join(ROOT, "queryd", "operations.def")).read(), flags=re.S)
    out = {}
    for m in re.finditer(r'^OP\((\w+), "([^"]+)", (\w+), (\w+), (.*)\)$', text, flags=re.M):
        out[m[1]] = (m[2], m[3], m[4], string_of(m[5]), {}, [])
    for m in re.finditer(r'^MEMBER\((\w+), (\w+), (\w+), (\w+), (-?\d+), (-?\d+), (.*)\)$', text, flags=re.M):
        schema = {"STRING": {"type": "string", "minLength": int(m[5]), "maxLength": int(m[6])},
                  "INT": {"type": "integer", "minimum": int(m[5]), "maximum": int(m[6])},
                  "BOOL": {"type": "boolean"}, "TIME": {"type": ["string", "integer"]}, "JSON": {},
                  "LIST": {"type": "array", "minItems": int(m[5]), "maxItems": int(m[6]),
                           "items": {"type": "string", "maxLength": 256}}}[m[3]]
        out[m[1]][4][m[2]] = {**schema, "description": string_of(m[7])}
        if m[4] == "MUST":
            out[m[1]][5].append(m[2])
    return list(out.values())


def document(name, kind, right, help, members, needed):
    request = {"type": "object", "additionalProperties": False, "required": ["op", "auth"] + needed,
               "properties": {"v": {"const": 1}, "id": {"type": ["string", "number"]}, "op": {"const": name}, "auth": AUTH,
                              **members}}
    must, may = REPLIES[name]
    taken = {"v", "id", "ok", "more", "error"} & {*must, *may}
    assert not taken, "%s: %s belongs to the envelope: a client would wait for another reply" % (name, taken)
    last = obj({"v": {"const": 1}, "id": ID, "ok": {"const": True}, **must}, may)
    replies = [last, ERROR] + ([PROGRESS, KEEPALIVE] if kind == "QUERY" else []) + ([PAYLOAD] if name == "sessions" else [])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name,
            "description": help + {"ALL": "", "ENTRY": "", "ADMIN": " (administrators)"}[right],
            "$defs": {"request": request, "reply": {"anyOf": replies}}}


def main():
    check, wrong = "--check" in sys.argv, []
    made = {}
    for row in operations():
        made[row[0] + ".json"] = json.dumps(document(*row), indent=1, ensure_ascii=False) + "\n"
    made["../openapi.yaml"] = openapi.text(ROOT, operations(), REPLIES)
    for name in os.listdir(HERE):
        if name.endswith(".json") and name not in made:
            wrong.append(name)
            if not check:
                os.remove(os.path.join(HERE, name))
    for name, text in made.items():
        path = os.path.join(HERE, name)
        if not os.path.exists(path) or open(path).read() != text:
            wrong.append(name)
            if not check:
                with open(path, "w") as f:
                    f.write(text)
    if check and wrong:
        sys.exit("not up to date, run docs/protocol/generate.py: " + " ".join(sorted(wrong)))


if __name__ == "__main__":
    main()
