/* run.c - see run.h */
#include "exporter/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

enum { TICK_MS = 100, FILE_TURN = 1024, CLOSE_S = 5 };
enum { STEP_BACK_US = 5000000 };
/* packets may lie in the ring for so long: flows end no sooner */
enum { BEHIND_US = 2 * LIVE_RETIRE_MS * 1000 };

static void
on_message(void *ctx, const uint8_t *bytes, size_t n, unsigned flows)
{
	struct run_out *o = ctx;
	sender_send(&o->sender, bytes, n, flows);
}

static void
on_report(void *ctx, struct report *s)
{
	const struct run_out *o = ctx;
	s->octets = o->sender.octets;
	s->messages = o->sender.messages;
	s->flows = o->sender.flows;
	s->unsent = o->sender.lost_flows + o->encoder.unfit;
	s->dropped = o->run->live.dropped;
	s->ignored = o->run->meter.ignored;
}

static void
on_up(void *ctx)
{
	struct run_out *o = ctx;
	encode_restart(&o->encoder);
}

static void
on_record(void *ctx, struct record *r, int64_t now_us)
{
	struct run *run = ctx;
	for (unsigned i = 0; i < run->options->n_collectors; i++)
		encode_record(&run->out[i].encoder, r, now_us);
}

/* When the exporter "was booted": before any packet, on a whole second. */
static int64_t
boot_before(int64_t us)
{
	return (us / 1000000 - 60) * 1000000;
}

static void
start_encoders(struct run *r, int64_t first_us)
{
	const struct options *o = r->options;
	for (unsigned i = 0; i < o->n_collectors; i++) {
		struct encode_setup setup = {.version = o->version,
			.domain = o->domain,
			.sampling = o->sampling,
			.most = o->message,
			.boot_us = boot_before(first_us),
			.template_us = o->template_s * 1000000,
			.stream = o->tcp,
			.on_message = on_message,
			.on_report = on_report,
			.ctx = &r->out[i]};
		encode_open(&r->out[i].encoder, &setup);
	}
	r->sent_us = first_us;
}

int
run_open(struct run *r, const struct options *o, struct err *err)
{
	int rc = 0;
	r->options = o;
	r->live.fd = -1;
	start_encoders(r, wall_now().us);
	r->meter.on_record = on_record;
	r->meter.ctx = r;
	for (unsigned i = 0; i < o->n_collectors; i++) {
		struct run_out *out = &r->out[i];
		out->run = r;
		out->sender.on_up = on_up;
		out->sender.ctx = out;
		out->sender.fd = -1;
	}
	for (unsigned i = 0; i < o->n_collectors && rc == 0; i++)
		rc = sender_open(&r->out[i].sender, o->collector[i], o->tcp, o->nic == NULL, err);
	if (rc == 0)
		rc = meter_open(&r->meter, o->flows, &o->timeouts, o->sampling, o->inside, err);
	for (unsigned i = 0; i < o->n_files && rc == 0; i++) {
		r->file[i] = open(o->file[i], O_RDONLY | O_CLOEXEC);
		if (r->file[i] < 0)
			rc = err_sys(err, "%s", o->file[i]);
	}
	const struct libpcap_setup live = {.nic = o->nic,
		.filter = o->filter,
		.megabytes = o->ring_mb,
		.snap = o->snap,
		.retire_ms = LIVE_RETIRE_MS,
		.promiscuous = o->promiscuous};
	return rc == 0 && o->nic ? live_open(&r->live, &live, o->libpcap, err) : rc;
}

/* begun messages go now and then, full ones at once */
static void
send_begun(struct run *r, int64_t now_us)
{
	if (now_us - r->sent_us < r->options->expire_s * 1000000)
		return;
	r->sent_us = now_us;
	for (unsigned i = 0; i < r->options->n_collectors; i++)
		encode_flush(&r->out[i].encoder, now_us);
}

/* ---- an interface ----------------------------------------------------------------------------- */

static void
wait_for_work(struct run *r)
{
	struct pollfd p[1 + OPTIONS_COLLECTORS] = {{.fd = r->live.fd, .events = POLLIN | POLLERR}};
	unsigned n = 1;
	for (unsigned i = 0; i < r->options->n_collectors; i++) {
		short events = sender_events(&r->out[i].sender);
		if (events)
			p[n++] = (struct pollfd){.fd = r->out[i].sender.fd, .events = events};
	}
	(void)poll(p, n, TICK_MS);
}

int
run_live(struct run *r, struct err *err)
{
	const struct options *o = r->options;
	int64_t report_us = wall_now().us, next = report_us + o->stats_s * 1000000;
	(void)err;
	while (!*r->stop) {
		bool any = live_take(&r->live, &r->meter, o->index);
		int64_t now = wall_now().us;
		/* the clock was set back: begin anew rather than wait for it */
		if (now + STEP_BACK_US < r->meter.clock_us) {
			meter_flush(&r->meter);
			r->meter.clock_us = r->sent_us = now;
		}
		if (!any)
			meter_clock(&r->meter, now - BEHIND_US);
		send_begun(r, now);
		for (unsigned i = 0; i < o->n_collectors; i++)
			sender_turn(&r->out[i].sender);
		if (o->stats_s && now >= next) {
			next = now + o->stats_s * 1000000;
			run_report(r);
		}
		if (r->report && *r->report) {
			*r->report = 0;
			run_report(r);
		}
		if (!any)
			wait_for_work(r);
	}
	/* what came until now is in blocks that are not full yet */
	int64_t end = wall_now().us + BEHIND_US;
	while (wall_now().us < end) {
		if (!live_take(&r->live, &r->meter, o->index))
			wait_for_work(r);
	}
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* The filter for packets of this link type, compiled when the first of them comes; NULL and *rc 0: all pass. */
static const struct bpf *
filter_of(struct run *r, uint32_t link, int *rc, struct err *err)
{
	if (r->options->filter[0] == '\0')
		return NULL;
	for (unsigned i = 0; i < r->n_filters; i++)
		if (r->filter[i].link == link)
			return &r->filter[i].bpf;
	if (r->n_filters == RUN_FILTERS) {
		*rc = err_set(
			err, FT_EFULL, "files of more than %d link types: read them one by one", RUN_FILTERS);
		return NULL;
	}
	struct run_filter *f = &r->filter[r->n_filters];
	f->link = link;
	*rc = libpcap_compile(&f->bpf, r->options->filter, link, 65535, NULL, err);
	if (*rc != 0)
		return NULL;
	r->n_filters++;
	return &f->bpf;
}

/* wait until a packet is due; false: told to stop */
static bool
pace(const struct run *r, int64_t first_us, mono_t begin, int64_t when_us)
{
	double ahead =
		(double)(when_us - first_us) / r->options->pace - (double)mono_since(mono_now(), begin).us;
	while (ahead > 1000 && !*r->stop) {
		int64_t us = ahead > 100000 ? 100000 : (int64_t)ahead;
		struct timespec t = {0, (long)us * 1000};
		(void)nanosleep(&t, NULL);
		ahead = (double)(when_us - first_us) / r->options->pace -
			(double)mono_since(mono_now(), begin).us;
	}
	return !*r->stop;
}

static int
packets(struct run *r, struct pcap_file *f, struct err *err)
{
	static const struct meter_side unknown;
	const struct options *o = r->options;
	struct meter_side side = unknown;
	struct pcap_packet p;
	mono_t begin = mono_now();
	int64_t first_us = 0;
	bool first = true;
	int rc = 0;
	side.input = o->index;
	for (unsigned n = 1; !*r->stop && pcap_file_next(f, &p); n++) {
		const struct bpf *filter = filter_of(r, p.link, &rc, err);
		if (rc != 0)
			return rc;
		if (filter && !libpcap_match(filter, p.bytes, p.n, p.wire)) {
			r->unread++;
			continue;
		}
		if (!r->opened) {
			start_encoders(r, p.when_us);
			r->opened = true;
		}
		if (first) {
			first_us = p.when_us;
			first = false;
		}
		if (o->pace > 0 && !pace(r, first_us, begin, p.when_us))
			break;
		meter_packet(&r->meter, &p, &side);
		if (o->pace > 0)
			meter_settle(&r->meter);
		if (o->pace > 0 || n % FILE_TURN == 0) {
			send_begun(r, r->meter.clock_us);
			for (unsigned i = 0; i < o->n_collectors; i++)
				sender_turn(&r->out[i].sender);
		}
	}
	r->truncated += f->truncated;
	return 0;
}

static int
one_file(struct run *r, unsigned i, struct err *err)
{
	const char *path = r->options->file[i];
	struct stat st;
	struct pcap_file f;
	int rc, fd = r->file[i];
	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s", path);
	void *bytes =
		st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (bytes == MAP_FAILED)
		return err_set(err, FT_EFORMAT, "%s is no capture file that can be read", path);
	(void)madvise(bytes, (size_t)st.st_size, MADV_SEQUENTIAL);
	rc = pcap_file_open(&f, bytes, (size_t)st.st_size);
	rc = rc == 0 ? packets(r, &f, err) : err_set(err, rc, "%s is neither a pcap nor a pcapng file", path);
	meter_settle(&r->meter); /* nothing points into the file then */
	munmap(bytes, (size_t)st.st_size);
	return rc;
}

int
run_files(struct run *r, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < r->options->n_files && rc == 0 && !*r->stop; i++)
		rc = one_file(r, i, err);
	return rc;
}

/* ---- the end ---------------------------------------------------------------------------------- */

void
run_finish(struct run *r)
{
	if (r->meter.table.flow)
		meter_flush(&r->meter);
	live_count(&r->live);
	int64_t now = r->options->nic ? wall_now().us : r->meter.clock_us;
	for (unsigned i = 0; i < r->options->n_collectors; i++) {
		encode_flush(&r->out[i].encoder, now);
		if (r->options->nic || r->opened)
			encode_report(&r->out[i].encoder, now);
		sender_finish(&r->out[i].sender, CLOSE_S);
	}
}

void
run_report(struct run *r)
{
	const struct meter *m = &r->meter;
	live_count(&r->live);
	fprintf(stderr,
		"packets %llu  bytes %llu  not IP %llu  not sampled %llu  filtered out %llu  dropped by the "
		"kernel %llu\n"
		"flows %llu  now %u  at most %u  sent early for want of room %llu  fragments without their "
		"first %llu\n",
		(unsigned long long)m->packets, (unsigned long long)m->bytes, (unsigned long long)m->ignored,
		(unsigned long long)m->sampled_out, (unsigned long long)r->unread,
		(unsigned long long)r->live.dropped, (unsigned long long)m->table.made, m->table.used,
		m->table.peak, (unsigned long long)m->table.early, (unsigned long long)m->orphans);
	for (unsigned i = 0; i < r->options->n_collectors; i++) {
		const struct sender *s = &r->out[i].sender;
		fprintf(stderr,
			"to %s  messages %llu  flow records %llu  bytes %llu  lost messages %llu  lost "
			"records %llu"
			"  IPv6 not sent %llu\n",
			s->name, (unsigned long long)s->messages, (unsigned long long)s->flows,
			(unsigned long long)s->octets, (unsigned long long)s->lost_messages,
			(unsigned long long)s->lost_flows, (unsigned long long)r->out[i].encoder.unfit);
	}
	if (r->truncated)
		fprintf(stderr, "%llu files end in the middle of a packet\n",
			(unsigned long long)r->truncated);
}

void
run_close(struct run *r)
{
	for (unsigned i = 0; i < r->options->n_collectors; i++)
		sender_close(&r->out[i].sender);
	for (unsigned i = 0; i < r->n_filters; i++)
		libpcap_free(&r->filter[i].bpf);
	live_close(&r->live);
	meter_close(&r->meter);
}
