"""The description of the REST API, docs/openapi.yaml: made by generate.py of web/webd/routes.def, the operations and their replies."""
import json
import os
import re

MANUAL = [("auth_token", "token of POST /auth"), ("group_by", "what is ranked; default IP"), ("count_by", "by what; default BYTES"),
          ("direction", "snd or rcv; default both"), ("after_time", "start, MM/DD/YY hh:mm:ss.microsec; with before_time"),
          ("before_time", "end"), ("time_range", "instead of them, as 15m or -15m; default 15m"), ("query", "filter"),
          ("filter", "the same"), ("rows", "most rows; default 10"), ("server", "accepted if it names this server"),
          ("port", "accepted if it is this server's")]
STRING, STRINGS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
TABLE = {"type": "object", "required": ["columns", "data"], "properties": {
    "columns": STRINGS, "data": {"type": "array", "items": {"type": "array"}}, "summary": STRINGS}}
SESSION = {"type": "object", "required": ["user", "admin", "must_change_password"], "properties": {
    "user": STRING, "admin": {"type": "boolean"}, "restricted": {"type": "boolean"}, "must_change_password": {"type": "boolean"}}}
ERROR = {"type": "object", "required": ["error"], "properties": {
    "error": {"type": "string", "description": "a sentence for people"}, "code": {"type": "string", "description": "a word for programs"},
    "place": {"type": "string", "description": "JSON pointer to the member that is wrong"},
    "position": {"type": "integer", "description": "where in the filter, from 1"}}}
FORM = "application/x-www-form-urlencoded"


def body(schema, kind="application/json"):
    return {"required": True, "content": {kind: {"schema": schema}}}


def form(names, required=()):
    return body({"type": "object", "properties": {n: {"type": "string", "description": h} for n, h in names},
                 **({"required": list(required)} if required else {})}, FORM)


def answers(schema=None, kind="application/json", more=None, login=True):
    good = {"description": "good"}
    if schema is not None:
        good["content"] = {kind: {"schema": schema}, **(more or {})}
    refs = {"400": "wrong", "503": "busy", "429": "throttled"}
    if login:
        refs.update({"401": "unknown", "403": "forbidden"})
    return {"200" if schema is not None else "204": good,
            **{k: {"$ref": "#/components/responses/" + refs[k]} for k in sorted(refs)}}


# what routes.def does not say: function -> (request, answers)
def shapes():
    parameters = [{"name": n, "in": "query", "description": h, "schema": STRING} for n, h in MANUAL]
    login = {"type": "object", "required": ["username", "password"], "properties": {"username": STRING, "password": STRING}}
    return {
        ("POST", "/auth"): ({"requestBody": form([("username", "user"), ("password", "password")], ["username", "password"])},
                            answers({"type": "object", "required": ["auth_token"], "properties": {"auth_token": STRING}})),
        ("GET", "/stat"): ({"parameters": parameters}, answers(TABLE)),
        ("POST", "/stat"): ({"requestBody": form(MANUAL)}, answers(TABLE)),
        ("GET", "/sessions"): ({"parameters": parameters}, answers(TABLE)),
        ("POST", "/sessions"): ({"requestBody": form(MANUAL)}, answers(TABLE)),
        ("POST", "/session"): ({"requestBody": body(login)}, answers(SESSION)),
        ("GET", "/session"): ({}, answers(SESSION)),
        ("DELETE", "/session"): ({}, answers()),
        ("POST", "/session/password"): ({"requestBody": body({
            "type": "object", "required": ["old", "new"], "properties": {"old": STRING, "new": STRING}})}, answers(SESSION)),
        ("GET", "/openapi.yaml"): ({}, answers(STRING, "application/yaml", login=False)),
        ("GET", "/healthz"): ({}, answers({"type": "object", "properties": {"status": STRING}}, login=False)),
        ("GET", "/metrics"): ({}, answers(STRING, "text/plain")),
    }


def routes(root):
    """[(is below /api/v1, method, path, login, help)] of routes.def."""
    text = re.sub(r"/\*.*?\*/", "", open(os.path.join(root, "web", "webd", "routes.def")).read(), flags=re.S)
    return [(m[1] == "API", m[2], m[3], m[4], m[5]) for m in
            re.finditer(r'^(API|ROOT)\("(\w+)", "([^"]+)", \w+, (\w+), "([^"]*)"\)$', text, flags=re.M)]


def operation(row, replies):
    name, kind, right, help, members, needed = row
    must, may = replies[name]
    reply = {"type": "object", "properties": {**must, **may}, "required": sorted(must)}
    lines = {"application/x-ndjson": {"schema": {"type": "object"}}}
    if name in ("stat", "sessions"):
        lines["text/csv"] = {"schema": STRING}
    if name == "sessions":
        reply = {"type": "object", "required": ["sessions", "summary"], "properties": {
            "sessions": {"type": "array", "items": {"type": "object"}}, **must}}
    request = {"type": "object", "additionalProperties": False,
               "properties": {k: v for k, v in members.items() if (name, k) != ("sessions", "format")}}
    if needed:
        request["required"] = needed
    return {"post": {"operationId": name, "tags": ["operations"], "summary": help + (" (administrators)" if right == "ADMIN" else ""),
                     "requestBody": {"content": {"application/json": {"schema": request}}},
                     "responses": answers(reply, more=lines)}}


def describe(root, operations, replies, version):
    paths = {}
    shape = shapes()
    for api, method, path, login, help in routes(root):
        request, responses = shape.pop((method, path))
        entry = {"summary": help, **request, "responses": responses}
        entry["tags"] = ["the manual's" if login == "MANUAL" or path == "/auth" else "sessions of browsers" if api else "service"]
        if login == "NONE":
            entry["security"] = []
        paths.setdefault(("/api/v1" if api else "") + path, {})[method.lower()] = entry
    assert not shape, "openapi.py knows paths that routes.def does not: %r" % list(shape)
    for row in operations:
        paths["/api/v1/op/" + row[0]] = operation(row, replies)
    responses = {"wrong": "something in the request is wrong", "unknown": "not logged in", "forbidden": "no right to that",
                 "throttled": "too many wrong passwords; Retry-After says when to try again",
                 "busy": "the query server is away or busy, or a bound of the query was reached; Retry-After says when to try again"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Flowtrove", "version": version, "description":
                 "Everything that the query server can do, for programs and the web interface. Paths below /api/v1 are also there "
                 "below /flowtraq/api/v1. A request says who asks by Authorization: Bearer TOKEN (a token or session key), by "
                 "auth_token in the manual's calls, or by the cookie, which counts only with the header X-Flowtrove: 1. By Accept: "
                 "application/x-ndjson answers come line by line, with progress while a query runs; text/csv for views and sessions. "
                 "Closing the connection cancels."},
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"},
                                "cookie": {"type": "apiKey", "in": "cookie", "name": "flowtrove-9641", "description": "the number is the port of ft-webd; over https the name begins with __Host-"}},
            "schemas": {"Error": ERROR},
            "responses": {k: {"description": v, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
                          for k, v in responses.items()}}}


def yaml(value, indent=0):
    """Block style; what is short, and every scalar, as JSON writes it, which YAML reads."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join("%s%s:%s" % (pad, key if re.fullmatch(r"[A-Za-z_$][\w$-]*", key) and key not in ("null", "true", "false", "on", "off", "yes", "no")
                                    else json.dumps(key), nested(item, indent)) for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join("%s-%s" % (pad, nested(item, indent)) for item in value)
    return pad + json.dumps(value, ensure_ascii=False) + "\n"


def nested(item, indent):
    if isinstance(item, (dict, list)) and item and len(json.dumps(item)) > 110:
        return "\n" + yaml(item, indent + 1)
    return " " + json.dumps(item, ensure_ascii=False) + "\n"


def text(root, operations, replies):
    version = re.search(r"^VERSION := (\S+)", open(os.path.join(root, "Makefile")).read(), flags=re.M)[1]
    return "# Made by docs/protocol/generate.py; do not edit.\n" + yaml(describe(root, operations, replies, version))
