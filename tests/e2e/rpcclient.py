"""A DEALER socket that sends whatever it is told to, for tests of the protocol: libzmq through ctypes."""
import ctypes
import ctypes.util
import json

DEALER, LINGER, RCVTIMEO, RCVMORE, IDENTITY = 5, 17, 27, 13, 5


def library():
    z = ctypes.CDLL(ctypes.util.find_library("zmq") or "libzmq.so.5")
    z.zmq_ctx_new.restype = z.zmq_socket.restype = ctypes.c_void_p
    z.zmq_socket.argtypes = [ctypes.c_void_p, ctypes.c_int]
    z.zmq_connect.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    z.zmq_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    z.zmq_recv.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    z.zmq_close.argtypes = z.zmq_ctx_term.argtypes = [ctypes.c_void_p]
    z.zmq_setsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    z.zmq_getsockopt.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    return z


class Client:
    def __init__(self, endpoint, seconds=20):
        self.z = library()
        self.context = self.z.zmq_ctx_new()
        self.socket = self.z.zmq_socket(self.context, DEALER)
        for option, value in ((LINGER, 0), (RCVTIMEO, seconds * 1000)):
            v = ctypes.c_int(value)
            self.z.zmq_setsockopt(self.socket, option, ctypes.byref(v), ctypes.sizeof(v))
        assert self.z.zmq_connect(self.socket, endpoint.encode()) == 0
        self.buffer = ctypes.create_string_buffer(8 << 20)
        self.next = 0

    def close(self):
        self.z.zmq_close(self.socket)
        self.z.zmq_ctx_term(self.context)

    def send(self, data):
        assert self.z.zmq_send(self.socket, data, len(data), 0) == len(data)

    def receive(self):
        """The frames of one message; None: nothing came in time."""
        frames, more = [], ctypes.c_int(1)
        while more.value:
            n = self.z.zmq_recv(self.socket, self.buffer, len(self.buffer), 0)
            if n < 0:
                return None
            frames.append(self.buffer.raw[:n])
            size = ctypes.c_size_t(ctypes.sizeof(more))
            self.z.zmq_getsockopt(self.socket, RCVMORE, ctypes.byref(more), ctypes.byref(size))
        return frames

    def raw(self, data):
        """Send bytes, take one reply as an object."""
        self.send(data)
        frames = self.receive()
        assert frames, "no reply"
        return json.loads(frames[0])

    def ask(self, op, auth=None, **members):
        """The last reply to a request, and its payload."""
        self.next += 1
        request = {"v": 1, "id": self.next, "op": op, **members}
        if auth:
            request["auth"] = auth
        self.send(json.dumps(request).encode())
        payload = b""
        while True:
            frames = self.receive()
            assert frames, "no reply to " + op
            reply = json.loads(frames[0])
            assert reply["id"] == self.next
            payload += b"".join(frames[1:])
            if not reply.get("more"):
                return reply, payload
