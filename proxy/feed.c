/*
 * feed.c - see feed.h.
 */
#include "proxy/feed.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { ANSWER_S = 10, ASK_MS = 1000 };

int
feed_find(struct feed *f, const struct conf *c, struct err *err)
{
	const char *address = conf_str(c, CONF_netflow_listenaddress);
	const char *const *words;
	if (conf_list(c, CONF_netflow_ipfixtcpport, &words) == 0)
		return err_set(err, FT_ENOENT,
			"%s: flows are imported through ft-ingest's TCP port, and none is set: put "
			"`ipfixtcpport "
			"4739` into <netflow> and restart ft-ingest",
			conf_path(c));
	snprintf(f->to.host, sizeof f->to.host, "%s", address[0] ? address : "localhost");
	snprintf(f->to.port, sizeof f->to.port, "%u", conf_port(c, CONF_netflow_ipfixtcpport, 0));
	return 0;
}

static int
broke(const struct feed *f, struct err *err)
{
	return err_set(err, FT_ESYS, "ft-ingest at %s port %s closed the connection", f->to.host, f->to.port);
}

/* What has come back. */
static int
take_acks(struct feed *f, struct err *err)
{
	for (;;) {
		long n = link_receive(&f->link, f->ack + f->ack_n, sizeof f->ack - f->ack_n);
		if (n < 0)
			return broke(f, err);
		if (n == 0)
			return 0;
		f->ack_n += (size_t)n;
		if (f->ack_n < sizeof f->ack)
			continue;
		uint64_t stream, position;
		memcpy(&stream, f->ack + 8, 8);
		memcpy(&position, f->ack + 16, 8);
		f->ack_n = 0;
		if (memcmp(f->ack, "FTK1", 4) != 0 || __builtin_bswap64(stream) != f->stream)
			return err_set(
				err, FT_EFORMAT, "at %s port %s is no ft-ingest", f->to.host, f->to.port);
		f->taken = __builtin_bswap64(position);
		f->acks++;
	}
}

static int
send_all(struct feed *f, const uint8_t *p, size_t n, struct err *err)
{
	for (size_t done = 0; done < n;) {
		int rc = take_acks(f, err);
		long k = rc == 0 ? link_send(&f->link, p + done, n - done) : -1;
		if (k < 0)
			return rc ? rc : broke(f, err);
		done += (size_t)k;
		struct pollfd wait = {f->link.fd, POLLIN | POLLOUT, 0};
		if (k == 0)
			(void)poll(&wait, 1, ASK_MS);
	}
	return 0;
}

static int
send_message(struct feed *f, uint64_t position, struct err *err)
{
	size_t n = ENCODE_HEADER + ENCODE_OPTIONS_SET + f->encoder.n;
	encode_end(&f->encoder);
	(void)encode_header(f->out, n, (uint32_t)(wall_now().us / 1000000), f->sequence, (uint32_t)f->stream);
	(void)encode_options(f->out + ENCODE_HEADER, f->stream, position, f->encoder.records, f->guid);
	memcpy(f->out + ENCODE_HEADER + ENCODE_OPTIONS_SET, f->encoder.sets, f->encoder.n);
	f->sequence += f->encoder.records + 1;
	encode_begin(&f->encoder);
	return send_all(f, f->out, n, err);
}

/* How far are you? */
static int
ask(struct feed *f, uint64_t position, struct err *err)
{
	CHECK(f->encoder.records == 0);
	return send_message(f, position, err);
}

/* false: nothing came in that time */
static bool
wait_ack(const struct feed *f, int ms)
{
	struct pollfd wait = {f->link.fd, POLLIN, 0};
	return poll(&wait, 1, ms) > 0;
}

int
feed_open(struct feed *f, uint64_t *known, struct err *err)
{
	static const struct proxy_settings plain;
	int rc = link_open(&f->link, &f->to, &plain, -1, err);
	if (rc != 0)
		return rc;
	f->sequence = 0;
	f->ack_n = 0;
	f->acks = f->taken = 0;
	encode_begin(&f->encoder);
	size_t n = ENCODE_HEADER + encode_templates(f->out + ENCODE_HEADER);
	(void)encode_header(f->out, n, (uint32_t)(wall_now().us / 1000000), 0, (uint32_t)f->stream);
	rc = send_all(f, f->out, n, err);
	if (rc == 0)
		rc = ask(f, 0, err);
	mono_t since = mono_now();
	while (rc == 0 && f->acks == 0) {
		if (mono_since(mono_now(), since).us > ANSWER_S * INT64_C(1000000))
			rc = err_set(err, FT_EFORMAT,
				"ft-ingest at %s port %s does not answer; `ft-ctl status` says how it is",
				f->to.host, f->to.port);
		else if (wait_ack(f, ASK_MS))
			rc = take_acks(f, err);
	}
	*known = f->taken;
	if (rc != 0)
		feed_close(f);
	return rc;
}

void
feed_close(struct feed *f)
{
	link_close(&f->link);
}

int
feed_flow(struct feed *f, const struct ft_flow *flow, const struct ft_flow_ext *x, const uint8_t exporter[16],
	struct err *err)
{
	struct proxied_origin o = {.speed = 0};
	memcpy(o.exporter, exporter, 16);
	memcpy(o.guid, f->guid, 16);
	while (!encode_flow(&f->encoder, flow, x, &o)) {
		int rc = send_message(f, f->position - f->encoder.records, err);
		if (rc != 0)
			return rc;
	}
	f->position++;
	return 0;
}

int
feed_flush(struct feed *f, struct err *err)
{
	int rc = f->encoder.records ? send_message(f, f->position - f->encoder.records, err) : 0;
	while (rc == 0 && f->taken < f->position) {
		if (wait_ack(f, ASK_MS))
			rc = take_acks(f, err);
		else
			rc = ask(f, f->position, err);
	}
	return rc;
}
