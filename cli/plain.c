#include "cli/plain.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/contract/rpc.h"

enum { GREETING = 64, FIRST_ROOM = 64 << 10, HEAD_MOST = 9, WRITE_MS = 20000 };
enum { FRAME_MORE = 1, FRAME_LONG = 2, FRAME_COMMAND = 4 };
static const uint64_t FRAME_MOST = (uint64_t)1 << 31;

struct plain {
	int fd;
	uint64_t id;
	bool greeted; /* the other side's greeting was good */
	uint8_t *in;  /* what was read; [from, to) was not looked at yet */
	size_t room, from, to;
};

/* One frame within `in`. */
struct frame {
	uint8_t flags;
	const uint8_t *bytes;
	size_t n, whole; /* of the body; with its head */
};

/* ---- writing ------------------------------------------------------------------------------------------ */

static int
write_all(struct plain *p, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	while (n > 0) {
		ssize_t done = send(p->fd, at, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EAGAIN) {
			struct pollfd f = {p->fd, POLLOUT, 0};
			if (poll(&f, 1, WRITE_MS) == 0) {
				errno = ETIMEDOUT;
				return -1;
			}
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

static size_t
put_head(uint8_t *to, uint8_t flags, uint64_t n)
{
	if (n < 256) {
		to[0] = flags;
		to[1] = (uint8_t)n;
		return 2;
	}
	to[0] = flags | FRAME_LONG;
	for (int i = 0; i < 8; i++)
		to[1 + i] = (uint8_t)(n >> (56 - 8 * i));
	return 9;
}

static int
send_object(struct plain *p, json_t *o, struct err *err)
{
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return err_set(err, FT_EINVAL, "the request is not UTF-8");
	size_t n = strlen(text);
	uint8_t *out =
		malloc(n + HEAD_MOST); /* head and body together: a head alone would wait for its receipt */
	size_t k = out != NULL ? put_head(out, 0, n) : 0;
	if (out != NULL)
		memcpy(out + k, text, n);
	free(text);
	if (out == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = write_all(p, out, k + n);
	free(out);
	return rc != 0 ? err_sys(err, "can't send to the server") : 0;
}

int
plain_open(struct plain **out, int fd, struct err *err)
{
	static const uint8_t ready[] = "\4\51\5READY\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0";
	uint8_t hello[GREETING + sizeof ready] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
	struct plain *p = calloc(1, sizeof *p);
	*out = NULL;
	if (p == NULL) {
		close(fd);
		return err_set(err, FT_ENOMEM, "out of memory");
	}
	p->fd = fd;
	/* the string's own zero is the last byte of Identity's length */
	memcpy(hello + GREETING, ready, sizeof ready);
	if (write_all(p, hello, sizeof hello) != 0) {
		int rc = err_sys(err, "can't send to the server");
		plain_close(p);
		return rc;
	}
	*out = p;
	return 0;
}

void
plain_close(struct plain *p)
{
	if (p == NULL)
		return;
	close(p->fd);
	free(p->in);
	free(p);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* at least one byte more; FT_ETIME, FT_ECANCEL, FT_ESYS */
static int
fill(struct plain *p, mono_t end, struct err *err)
{
	if (p->from > 0 && p->from == p->to)
		p->from = p->to = 0;
	if (p->to == p->room) {
		if (p->from > p->room / 2) {
			memmove(p->in, p->in + p->from, p->to - p->from);
			p->to -= p->from;
			p->from = 0;
		} else {
			size_t room = p->room ? p->room * 2 : FIRST_ROOM;
			uint8_t *in = realloc(p->in, room);
			if (in == NULL)
				return err_set(err, FT_ENOMEM, "out of memory");
			p->in = in;
			p->room = room;
		}
	}
	for (;;) {
		ssize_t n = recv(p->fd, p->in + p->to, p->room - p->to, 0);
		if (n > 0) {
			p->to += (size_t)n;
			return 0;
		}
		if ((n == 0 || errno == ECONNRESET) &&
			!p->greeted) /* it did not like our greeting: it expects encryption */
			return err_set(err, FT_ETIME, "no answer");
		if (n == 0)
			return err_set(err, FT_ESYS, "the server closed the connection");
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "can't receive from the server");
		int64_t left = (end.ns - mono_now().ns) / 1000000;
		struct pollfd f = {p->fd, POLLIN, 0};
		int ready = left < 0 ? 0 : poll(&f, 1, (int)(left < 1000000 ? left + 1 : 1000000));
		if (ready == 0)
			return err_set(err, FT_ETIME, "no answer");
		if (ready < 0 && errno == EINTR)
			return err_set(err, FT_ECANCEL, "interrupted");
	}
}

/* the frame at `offset` after p->from; more is read until all of it is there */
static int
read_frame(struct plain *p, size_t offset, struct frame *f, mono_t end, struct err *err)
{
	for (;;) {
		const uint8_t *at = p->in + p->from + offset;
		size_t have = p->to - p->from - offset, head = 2;
		uint64_t n = have >= 2 ? at[1] : 0;
		if (have >= 1 && (at[0] & FRAME_LONG)) {
			head = 9;
			n = 0;
			for (int i = 0; have >= 9 && i < 8; i++)
				n = n << 8 | at[1 + i];
		}
		if (n > FRAME_MOST)
			return err_set(err, FT_EFORMAT, "the server's answer is too large");
		if (have >= head && have - head >= n) {
			*f = (struct frame){at[0], at + head, (size_t)n, head + (size_t)n};
			return 0;
		}
		int rc = fill(p, end, err);
		if (rc != 0)
			return rc;
	}
}

/*
 * The other side's greeting and its READY.  Ours went out before; but a request that comes while libzmq has not sent its
 * READY yet is a breach of the protocol to it, and ends the connection.
 */
static int
greet(struct plain *p, mono_t end, struct err *err)
{
	struct frame f;
	int rc = 0;
	while (rc == 0 && p->to - p->from < GREETING)
		rc = fill(p, end, err);
	if (rc != 0)
		return rc;
	const uint8_t *g = p->in + p->from;
	if (g[0] != 0xff || g[9] != 0x7f || g[10] < 3 || memcmp(g + 12, "NULL\0", 5) != 0)
		return err_set(err, FT_ETIME, "no answer");
	p->from += GREETING;
	rc = read_frame(p, 0, &f, end, err);
	if (rc != 0)
		return rc;
	if (!(f.flags & FRAME_COMMAND) || f.n < 6 || memcmp(f.bytes, "\5READY", 6) != 0)
		return err_set(err, FT_ETIME, "no answer");
	p->from += f.whole;
	p->greeted = true;
	return 0;
}

int
plain_send(struct plain *p, json_t *request, span_t most, struct err *err)
{
	int rc = p->greeted ? 0 : greet(p, mono_after(mono_now(), most), err);
	if (rc != 0) {
		json_decref(request);
		return rc;
	}
	json_object_set_new(request, "v", json_integer(FT_RPC_VERSION));
	json_object_set_new(request, "id", json_integer((json_int_t)++p->id));
	return send_object(p, request, err);
}

int
plain_cancel(struct plain *p)
{
	json_t *o = json_pack("{s:i, s:s, s:s, s:I}", "v", FT_RPC_VERSION, "id", "cancel", "op", "cancel",
		"target", (json_int_t)p->id);
	return send_object(p, o, NULL);
}

/* a PING is answered with its context; all else needs no answer */
static int
command(struct plain *p, const struct frame *f)
{
	uint8_t pong[2 + 5 + 16] = {FRAME_COMMAND, 0, 4, 'P', 'O', 'N', 'G'};
	if (f->n < 7 || memcmp(f->bytes, "\4PING", 5) != 0)
		return 0;
	size_t context = f->n - 7 < 16 ? f->n - 7 : 16;
	memcpy(pong + 7, f->bytes + 7, context);
	pong[1] = (uint8_t)(5 + context);
	return write_all(p, pong, 7 + context);
}

/* one message: its first frame, and the second if there is one; *whole: bytes of all of it */
static int
read_message(struct plain *p, struct frame part[2], size_t *whole, mono_t end, struct err *err)
{
	size_t start[2] = {0}, at = 0;
	unsigned n = 0;
	struct frame f = {.flags = FRAME_MORE};
	while (f.flags & FRAME_MORE) {
		int rc = read_frame(p, at, &f, end, err);
		if (rc != 0)
			return rc;
		if (f.flags & FRAME_COMMAND) {
			if (command(p, &f) != 0)
				return err_sys(err, "can't send to the server");
			p->from += at + f.whole; /* commands stand between messages */
			at = 0;
			n = 0;
			f.flags = FRAME_MORE;
			continue;
		}
		if (n < 2)
			start[n] = at;
		n++;
		at += f.whole;
	}
	part[1] = (struct frame){0};
	for (unsigned i = 0; i < n && i < 2; i++) { /* again: reading may have moved them */
		int rc = read_frame(p, start[i], &part[i], end, err);
		if (rc != 0)
			return rc;
	}
	*whole = at;
	return 0;
}

int
plain_next(struct plain *p, json_t **body, const void **payload, size_t *payload_bytes, bool *more,
	span_t most, struct err *err)
{
	mono_t end = mono_after(mono_now(), most);
	*body = NULL;
	for (;;) {
		struct frame part[2];
		size_t whole = 0;
		json_error_t e;
		int rc = read_message(p, part, &whole, end, err);
		if (rc != 0)
			return rc;
		*body = json_loadb((const char *)part[0].bytes, part[0].n, 0, &e);
		p->from += whole; /* stays where it is until the next read */
		if (*body == NULL)
			return err_set(err, FT_EFORMAT, "the answer is not JSON");
		json_t *id = json_object_get(*body, "id");
		bool mine = json_is_integer(id) ? json_integer_value(id) == (json_int_t)p->id
						: !json_is_string(id);
		if (mine && !json_is_true(json_object_get(*body, "keepalive"))) {
			*more = json_is_true(json_object_get(*body, "more"));
			*payload = part[1].bytes;
			*payload_bytes = part[1].n;
			return 0;
		}
		json_decref(*body); /* a keepalive, an answer to `cancel` */
		*body = NULL;
	}
}
