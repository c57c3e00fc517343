"""The query protocol's schemas, and a client that holds real traffic to them."""
import json
import os

import jsonschema

from flowtrove import ROOT
from rpcclient import Client

PROTOCOL = os.path.join(ROOT, "docs", "protocol")
SCHEMAS = {n[:-5]: json.load(open(os.path.join(PROTOCOL, n))) for n in os.listdir(PROTOCOL) if n.endswith(".json")}


class Checked(Client):
    """A client that holds every frame to its schema."""

    def talk(self, op, auth, **members):
        """All replies to a request, and the payload."""
        self.next += 1
        request = {"v": 1, "id": self.next, "op": op, "auth": auth, **members}
        jsonschema.validate(request, SCHEMAS[op]["$defs"]["request"])
        self.send(json.dumps(request).encode())
        replies, payload = [], b""
        while True:
            frames = self.receive()
            assert frames, "no reply to " + op
            reply = json.loads(frames[0])
            jsonschema.validate(reply, SCHEMAS[op]["$defs"]["reply"])
            if "keepalive" in reply:
                continue
            assert ("payload" in reply) == (len(frames) > 1)
            replies.append(reply)
            payload += b"".join(frames[1:])
            if not reply.get("more"):
                return replies, payload

    def last(self, op, auth, **members):
        return self.talk(op, auth, **members)[0][-1]
