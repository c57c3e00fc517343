/*
 * forward.c - see forward.h.
 */
#include "proxy/forward.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/log.h"

enum {
	BUFFER = 256 << 10,
	MESSAGE_ROOM = ENCODE_HEADER + ENCODE_OPTIONS_SET + QUEUE_MESSAGE,
	BACKOFF_MS = 250,
	BACKOFF_MOST_MS = 30000,
	TURN_MS = 1000,
	GATHER_MS = 5,
	PLAIN_S = 5,
};

/* ---- messages --------------------------------------------------------------------------------- */

static void
add_message(struct forward *f, const struct queue_message *m)
{
	uint8_t *to = f->out + f->n; /* the sets are there already, behind room for these two */
	size_t n = ENCODE_HEADER + ENCODE_OPTIONS_SET + m->bytes;
	(void)encode_header(
		to, n, (uint32_t)(wall_now().us / 1000000), f->sequence, (uint32_t)f->queue.stream);
	(void)encode_options(to + ENCODE_HEADER, f->queue.stream, m->position, m->flows, f->settings->guid);
	f->sequence += m->flows + 1;
	f->n += n;
	f->sent = m->position + m->flows;
	atomic_fetch_add(&f->sent_flows, m->flows);
	counter_add(COUNTER_proxy_sent_flows, m->flows);
}

static void
add_templates(struct forward *f)
{
	size_t n = ENCODE_HEADER + encode_templates(f->out + f->n + ENCODE_HEADER);
	(void)encode_header(f->out + f->n, n, (uint32_t)(wall_now().us / 1000000), f->sequence,
		(uint32_t)f->queue.stream);
	f->n += n;
}

/* how far are you? */
static void
add_question(struct forward *f)
{
	struct queue_message none = {f->sent, 0, 0};
	add_message(f, &none);
	f->asked = mono_now();
}

/* As many as there are and fit; true: there may be more. */
static bool
fill(struct forward *f)
{
	struct queue_message m;
	f->n = f->at = 0;
	while (f->n + MESSAGE_ROOM <= BUFFER) {
		if (!queue_read(
			    &f->queue, &f->reader, f->out + f->n + ENCODE_HEADER + ENCODE_OPTIONS_SET, &m))
			return false;
		add_message(f, &m);
	}
	return true;
}

/* ---- what comes back -------------------------------------------------------------------------- */

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

/* false: that is no acknowledgement */
static bool
on_ack(struct forward *f)
{
	static const uint8_t head[8] = {'F', 'T', 'K', '1'};
	if (memcmp(f->ack, head, 8) != 0 || get64(f->ack + 8) != f->queue.stream)
		return false;
	uint64_t position = get64(f->ack + 16);
	/* One that has more than we sent on this connection has it from an earlier one. */
	queue_taken(&f->queue, position, true);
	return true;
}

/* false: the connection is over */
static bool
take_acks(struct forward *f, struct err *err)
{
	for (;;) {
		long n = link_receive(&f->link, f->ack + f->ack_n, sizeof f->ack - f->ack_n);
		if (n < 0) {
			err_set(err, FT_ESYS, "%s port %s has closed the connection", f->to->host,
				f->to->port);
			return false;
		}
		if (n == 0)
			return true;
		f->ack_n += (size_t)n;
		if (f->ack_n < sizeof f->ack)
			continue;
		f->ack_n = 0;
		if (!on_ack(f)) {
			err_set(err, FT_EFORMAT, "%s port %s answers something that is no acknowledgement",
				f->to->host, f->to->port);
			return false;
		}
	}
}

/* A destination that says nothing (forward.h). */
static void
settle_plain(struct forward *f)
{
	if (f->queue.acknowledges || mono_since(mono_now(), f->began).us < PLAIN_S * INT64_C(1000000) ||
		f->at < f->n || link_unsent(&f->link) != 0)
		return;
	queue_taken(&f->queue, f->sent, false);
}

/* ---- a connection ------------------------------------------------------------------------------ */

/* true: something was appended to the queue */
static bool
pause_for(struct forward *f, bool to_send, int ms)
{
	struct pollfd p[3] = {{f->stop_fd, POLLIN, 0}, {f->link.fd, link_events(&f->link, to_send), 0},
		{f->queue.wake, POLLIN, 0}};
	uint64_t n;
	(void)poll(p, to_send ? 2 : 3, ms);
	return !to_send && p[2].revents && read(f->queue.wake, &n, sizeof n) > 0;
}

/* What comes in a moment goes with what is there: to be woken for each datagram costs more than to decode it. */
static void
gather(const struct forward *f)
{
	struct pollfd p = {f->stop_fd, POLLIN, 0};
	(void)poll(&p, 1, GATHER_MS);
}

static bool
drain_out(struct forward *f, struct err *err)
{
	while (f->at < f->n && !atomic_load(&f->stop)) {
		if (!take_acks(f, err))
			return false;
		long n = link_send(&f->link, f->out + f->at, f->n - f->at);
		if (n < 0) {
			err_set(err, FT_ESYS, "the connection to %s port %s broke: %s", f->to->host,
				f->to->port, strerror(errno));
			return false;
		}
		f->at += (size_t)n;
		if (n == 0)
			(void)pause_for(f, true, TURN_MS);
	}
	return true;
}

static void
converse(struct forward *f, struct err *err)
{
	queue_read_begin(&f->queue, &f->reader);
	f->sequence = 0;
	f->ack_n = f->n = f->at = 0;
	f->sent = f->reader.position;
	f->began = f->asked = mono_now();
	add_templates(f);
	bool good = drain_out(f, err);
	while (good && !atomic_load(&f->stop)) {
		bool more = fill(f);
		if (f->n == 0 && queue_figures(&f->queue).taken < f->sent &&
			mono_since(mono_now(), f->asked).us >= TURN_MS * 1000)
			add_question(f);
		good = drain_out(f, err) && take_acks(f, err);
		settle_plain(f);
		if (good && !more && pause_for(f, false, TURN_MS))
			gather(f);
	}
	queue_read_end(&f->reader);
}

static void
say(struct forward *f, const char *why)
{
	pthread_mutex_lock(&f->mutex);
	snprintf(f->why, sizeof f->why, "%s", why);
	pthread_mutex_unlock(&f->mutex);
}

static void
one_connection(struct forward *f, unsigned *backoff)
{
	struct err err = {0};
	if (link_open(&f->link, f->to, f->settings, f->stop_fd, &err) == 0) {
		*backoff = BACKOFF_MS;
		log_high("connected to %s port %s%s", f->to->host, f->to->port, f->to->tls ? " (TLS)" : "");
		say(f, "");
		atomic_fetch_add(&f->connects, 1);
		atomic_store(&f->connected, true);
		counter_add(COUNTER_proxy_connects, 1);
		converse(f, &err);
		atomic_store(&f->connected, false);
		link_close(&f->link);
	}
	if (atomic_load(&f->stop))
		return;
	say(f, err.text);
	atomic_fetch_add(&f->failures, 1);
	counter_add(COUNTER_proxy_connect_failures, 1);
	log_limited(
		LOG_L_HIGH, "%s; what comes is kept in %s; again in %u ms", err.text, f->queue.dir, *backoff);
}

static void *
run(void *ctx)
{
	struct forward *f = ctx;
	unsigned backoff = BACKOFF_MS;
	while (!atomic_load(&f->stop)) {
		one_connection(f, &backoff);
		struct pollfd p = {f->stop_fd, POLLIN, 0};
		(void)poll(&p, 1, (int)backoff);
		backoff = backoff * 2 > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : backoff * 2;
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

int
forward_open(struct forward *f, const struct destination *to, const struct proxy_settings *s, struct err *err)
{
	char dir[400], name[300];
	memset(f, 0, sizeof *f);
	f->link.fd = f->reader.fd = f->stop_fd = -1;
	f->to = to;
	f->settings = s;
	pthread_mutex_init(&f->mutex, NULL);
	snprintf(name, sizeof name, "%s_%s", to->host, to->port);
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			*p = '_';
	if (snprintf(dir, sizeof dir, "%s/%s", s->queuepath, name) >= (int)sizeof dir)
		return err_set(err, FT_EINVAL, "recursion/queuepath: the path is too long");
	int rc = queue_open(&f->queue, dir, s->queuesize, err);
	if (rc != 0)
		return rc;
	f->opened = true;
	f->out = malloc(BUFFER);
	f->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return f->out && f->stop_fd >= 0 ? 0 : err_set(err, FT_ENOMEM, "out of memory for a destination");
}

int
forward_start(struct forward *f, struct err *err)
{
	errno = pthread_create(&f->thread, NULL, run, f);
	f->running = errno == 0;
	return f->running ? 0 : err_sys(err, "can't make a thread");
}

void
forward_stop(struct forward *f)
{
	uint64_t one = 1;
	if (!f->running)
		return;
	atomic_store(&f->stop, true);
	if (write(f->stop_fd, &one, sizeof one) < 0)
		log_low("%s port %s is told to stop already", f->to->host, f->to->port);
	pthread_join(f->thread, NULL);
	f->running = false;
}

void
forward_close(struct forward *f)
{
	forward_stop(f);
	if (f->opened)
		queue_close(&f->queue);
	if (f->stop_fd >= 0)
		close(f->stop_fd);
	free(f->out);
	pthread_mutex_destroy(&f->mutex);
	memset(f, 0, sizeof *f);
}

json_t *
forward_json(struct forward *f)
{
	struct queue_figures q = queue_figures(&f->queue);
	char why[480];
	pthread_mutex_lock(&f->mutex);
	memcpy(why, f->why, sizeof why);
	pthread_mutex_unlock(&f->mutex);
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "host",
		f->to->host, "port", f->to->port, "tls", (int)f->to->tls, "connected",
		(int)atomic_load(&f->connected), "acknowledges", (int)f->queue.acknowledges, "why", why,
		"connects", (json_int_t)atomic_load(&f->connects), "failures",
		(json_int_t)atomic_load(&f->failures), "sent_flows", (json_int_t)atomic_load(&f->sent_flows),
		"queued_flows", (json_int_t)q.flows, "queued_bytes", (json_int_t)q.bytes, "dropped_flows",
		(json_int_t)q.dropped, "taken", (json_int_t)q.taken);
}
