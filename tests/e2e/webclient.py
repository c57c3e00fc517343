"""A plain HTTP client for the tests of ft-webd: what it sends is what it was told, and every answer's headers are looked at."""
import http.client
import json
import socket
import ssl
import urllib.parse

ALWAYS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(x) for x in self.body.decode().splitlines()]

    @property
    def cookie(self):
        return self.headers.get("set-cookie", "").split(";")[0]


def context():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE  # self-made
    return c


def checked(status, headers, body):
    """No answer without its protection."""
    policy = headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, (status, headers)
    for name, value in ALWAYS.items():
        assert headers.get(name) == value, (status, name, headers)
    return Answer(status, headers, body)


class Web:
    def __init__(self, instance, tls=False, host="127.0.0.1", port=None):
        self.instance, self.tls, self.host, self.port = instance, tls, host, port or instance.base + 1

    def connect(self, timeout=30):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context())
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        c = self.connect()
        try:
            if isinstance(body, (dict, list)):
                body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return checked(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
        finally:
            c.close()

    def get(self, path, **headers):
        return self.ask("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def login(self, user="admin", password=None):
        return self.ask("POST", "/api/v1/session", {"username": user, "password": password or self.instance.password})

    def cookie(self, **who):
        r = self.login(**who)
        assert r.status == 200, r.body
        return r.cookie

    def token(self):
        r = self.ask("POST", "/api/v1/auth", urllib.parse.urlencode({"username": "admin", "password": self.instance.password}),
                     {"Content-Type": "application/x-www-form-urlencoded"})
        assert r.status == 200, r.body
        return r.json()["auth_token"]

    def op(self, name, body=None, cookie=None, token=None, **headers):
        h = {k.replace("_", "-"): v for k, v in headers.items()}
        if cookie:
            h.update({"Cookie": cookie, "X-Flowtrove": "1"})
        if token:
            h["Authorization"] = "Bearer " + token
        return self.ask("POST", "/api/v1/op/" + name, body if body is not None else {}, h)

    def raw(self, data, until_close=True, timeout=30):
        """Bytes as they are; what comes back until the other end closes, or for a first piece."""
        s = socket.create_connection((self.host, self.port), timeout=timeout)
        try:
            s.sendall(data)
            out = b""
            while True:
                piece = s.recv(65536)
                out += piece
                if not piece or not until_close:
                    return out
        except ConnectionResetError:
            return out
        finally:
            s.close()

    def raw_status(self, data):
        """The status of the answer to these bytes, and that the connection is closed afterwards."""
        out = self.raw(data)
        head, _, body = out.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), out[:200]
        checked(0, {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}, body)
        return int(lines[0].split()[1])
