/*
 * import_main.c - ft-import: what nfdump has kept, as CSV, into this machine's database; through ft-ingest and ft-tracker, so
 * that flows become sessions as those do that exporters send.  A file is read twice: what is wrong with it is said before
 * any of it is sent.  What makes it safe to kill and to repeat: receipts.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/crash.h"
#include "common/guid.h"
#include "common/hash.h"
#include "common/log.h"
#include "proxy/feed.h"
#include "proxy/nfdump.h"
#include "proxy/receipts.h"

enum { EXIT_WRONG = 1, EXIT_USAGE_ = 100, EXIT_SYSTEM = 111 };
#ifdef FT_TINY
enum { CHUNK = 16 };
#else
enum { CHUNK = 65536 };
#endif
enum { RETRIES = 30, LINE = 1 << 16 };

static struct {
	struct nfdump reader;
	struct tz *zone;
	struct receipts receipts;
	struct feed feed;
	bool check, again, connected;
	uint8_t exporter[16];
} a;

static int
usage(FILE *to)
{
	fputs("usage: ft-import [-c FILE] [-z ZONE] [-e ADDRESS] [-g GUID] [--again] CSV ...\n"
	      "       ft-import --check [-z ZONE] [-e ADDRESS] CSV ...\n"
	      "What `nfdump -o csv` printed, into the database; - is standard input.  It may be interrupted "
	      "and\n"
	      "repeated: no flow is imported twice.\n"
	      "  -c FILE     configuration (/etc/flowtrove/flowtrove.conf); it needs an ipfixtcpport in "
	      "<netflow>\n"
	      "  -z ZONE     time zone in which nfdump ran, such as Europe/Berlin; without it, this one's\n"
	      "  -e ADDRESS  exporter of flows whose CSV has no column ra\n"
	      "  -g GUID     GUID that imported flows carry, instead of the one that is the same for all "
	      "imports\n"
	      "  --again     import files that were imported already once more\n"
	      "  --check     only read: how many flows there are, and what is wrong\n",
		to);
	return to == stderr ? EXIT_USAGE_ : 0;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* read from the start; a flow at a time */
struct source {
	FILE *f;
	const char *name;
	char line[LINE];
	uint64_t number; /* of the line */
	uint64_t digest[2];
	struct nfdump_flows now;
	unsigned given; /* flows of `now` */
};

static void
start_over(struct source *s)
{
	rewind(s->f);
	s->number = 0;
	s->given = 0;
	s->now.n = 0;
	s->digest[0] = s->digest[1] = 0;
	a.reader = (struct nfdump){.zone = a.zone};
	memcpy(a.reader.exporter, a.exporter, 16);
}

/* 1 a flow: *flow, *x; 0 the end; < 0 */
static int
next_flow(struct source *s, const struct ft_flow **flow, const struct ft_flow_ext **x, struct err *err)
{
	struct err what;
	while (s->given == s->now.n) {
		errno = 0;
		if (fgets(s->line, sizeof s->line, s->f) == NULL)
			return ferror(s->f) ? err_sys(err, "%s", s->name) : 0;
		s->number++;
		size_t n = strcspn(s->line, "\n");
		if (n == sizeof s->line - 1)
			return err_set(err, FT_EINVAL, "%s, line %llu is too long for nfdump's CSV", s->name,
				(unsigned long long)s->number);
		while (n > 0 && s->line[n - 1] == '\r')
			n--;
		uint64_t h[2] = {hash_bytes(s->line, n, s->digest[0]), hash_bytes(s->line, n, ~s->digest[1])};
		s->now.n = s->given = 0;
		int rc = nfdump_line(&a.reader, s->line, &s->now, &what);
		if (rc < 0)
			return err_set(err, rc, "%s, line %llu: %s", s->name, (unsigned long long)s->number,
				what.text);
		if (rc > 0)
			memcpy(s->digest, h, sizeof h);
	}
	*flow = &s->now.f[s->given];
	*x = &s->now.x[s->given++];
	return 1;
}

/* Standard input, and what else can't be read twice, into a file without a name. */
static FILE *
seekable(FILE *in)
{
	char buffer[1 << 16];
	size_t n;
	if (in == NULL || fseek(in, 0, SEEK_CUR) == 0)
		return in;
	FILE *out = tmpfile();
	while (out && (n = fread(buffer, 1, sizeof buffer, in)) > 0)
		if (fwrite(buffer, 1, n, out) != n) {
			fclose(out);
			out = NULL;
		}
	if (in != stdin)
		fclose(in);
	return out;
}

static int
count(struct source *s, uint64_t *flows, struct err *err)
{
	const struct ft_flow *f;
	const struct ft_flow_ext *x;
	int rc;
	start_over(s);
	for (*flows = 0; (rc = next_flow(s, &f, &x, err)) > 0;)
		++*flows;
	return rc;
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Connected, and what an earlier run left open is settled. */
static int
ready(struct err *err)
{
	struct receipts *r = &a.receipts;
	uint64_t known;
	int rc = 0;
	for (unsigned tries = 0; !a.connected; tries++) {
		a.feed.stream = r->stream;
		rc = feed_open(&a.feed, &known, err);
		a.connected = rc == 0;
		if (rc != FT_ESYS || tries == RETRIES)
			break;
		(void)poll(NULL, 0, 1000);
	}
	if (rc != 0)
		return rc;
	known = a.feed.taken;
	if (!r->open)
		return 0;
	if (known == 0 && r->to > r->base)
		fprintf(stderr,
			"ft-import: ft-ingest has forgotten how far it was, as after a reboot: of an import "
			"that was "
			"interrupted, flows %llu to %llu were sent last and may be missing\n",
			(unsigned long long)(r->to - r->base < CHUNK ? r->from
								     : r->from + r->to - r->base - CHUNK),
			(unsigned long long)(r->from + r->to - r->base));
	if (known == 0)
		known = r->to;
	if (known < r->base || known > r->to)
		return err_set(err, FT_EFORMAT,
			"%s does not fit what ft-ingest has taken (%llu): was it copied from another "
			"machine?",
			r->path, (unsigned long long)known);
	return receipts_end(r, known, err);
}

/* The flows from number `from` on, chunk by chunk. */
static int
one_run(struct source *s, const uint64_t digest[2], uint64_t from, uint64_t flows, struct err *err)
{
	const struct ft_flow *f;
	const struct ft_flow_ext *x;
	struct receipts *r = &a.receipts;
	int rc = 1;
	start_over(s);
	for (uint64_t i = 0; i < from && rc > 0; i++)
		rc = next_flow(s, &f, &x, err);
	if (rc > 0)
		rc = receipts_run(r, digest, flows, from, s->name, err);
	else
		return rc ? rc : err_set(err, FT_EINVAL, "%s has become shorter while it was read", s->name);
	a.feed.position = r->base;
	for (uint64_t at = from; at < flows && rc == 0;) {
		uint64_t end = flows - at < CHUNK ? flows : at + CHUNK;
		rc = receipts_to(r, r->base + end - from, err);
		for (; at < end && rc == 0; at++) {
			rc = next_flow(s, &f, &x, err);
			rc = rc > 0 ? feed_flow(&a.feed, f, x, s->now.exporter, err)
			     : rc   ? rc
				    : err_set(err, FT_EINVAL, "%s has become shorter while it was read",
					      s->name);
		}
		crash_point("import: before a chunk is flushed");
		if (rc == 0)
			rc = feed_flush(&a.feed, err);
		crash_point("import: a chunk was taken");
	}
	return rc ? rc : receipts_end(r, r->base + flows - from, err);
}

static int
one_file(const char *name, struct err *err)
{
	bool in = strcmp(name, "-") == 0;
	static struct source s;
	uint64_t flows, from = 0;
	s.name = in ? "standard input" : name;
	s.f = seekable(in ? stdin : fopen(name, "re"));
	if (s.f == NULL)
		return err_sys(err, "%s", s.name);
	int rc = count(&s, &flows, err);
	if (rc == 0 && a.check) {
		printf("%s: %llu flows\n", s.name, (unsigned long long)flows);
	} else if (rc == 0) {
		const uint64_t digest[2] = {s.digest[0], s.digest[1]};
		uint64_t before = 0;
		for (unsigned turn = 0; turn <= RETRIES; turn++) {
			rc = ready(err);
			if (rc != 0)
				break;
			const struct receipt *known = receipts_find(&a.receipts, digest);
			from = known && (!a.again || turn > 0) ? known->done : 0;
			before = turn == 0 ? from : before;
			if (from >= flows)
				break;
			rc = one_run(&s, digest, from, flows, err);
			if (rc != FT_ESYS)
				break;
			feed_close(&a.feed); /* ready() connects again */
			a.connected = false;
		}
		if (rc == 0 && flows > 0 && before == flows)
			printf("%s: imported already (%llu flows)\n", s.name, (unsigned long long)flows);
		else if (rc == 0)
			printf("%s: %llu flows imported%s\n", s.name, (unsigned long long)(flows - before),
				before ? ", the others were already" : "");
	}
	if (s.f != stdin)
		fclose(s.f);
	return rc;
}

static int
begin(const char *path, const char *guid, struct err *err)
{
	static const uint8_t imports[16] = "flowtrove-import"; /* 666c6f77-7472-6f76-652d-696d706f7274 */
	struct conf_problems problems = {0};
	if (a.check)
		return 0;
	struct conf *c = conf_load(path, &problems);
	if (c == NULL) {
		fputs(problems.text ? problems.text : "out of memory\n", stderr);
		conf_problems_free(&problems);
		return err_set(err, FT_EINVAL, "%s can't be used", path);
	}
	conf_problems_free(&problems);
	memcpy(a.feed.guid, imports, 16);
	int rc = guid && guid_parse(guid, a.feed.guid) != 0
			 ? err_set(err, FT_EINVAL, "-g %s is no GUID; `ft-proxy guid` makes one", guid)
			 : feed_find(&a.feed, c, err);
	if (rc == 0)
		rc = receipts_open(&a.receipts, conf_str(c, CONF_statedir), err);
	conf_free(c);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *path = "/etc/flowtrove/flowtrove.conf", *zone = NULL, *guid = NULL;
	struct err err = {0};
	int files = 0, rc;
	a.receipts.fd = a.feed.link.fd = -1;
	log_open("ft-import", NULL, LOG_L_CRITICAL);
	crash_init();
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i][0] == '-' && argv[i][1] == '-' ? argv[i] + 1 : argv[i];
		if (word[0] != '-' || word[1] == 0)
			argv[files++] = argv[i];
		else if (strcmp(word, "-check") == 0)
			a.check = true;
		else if (strcmp(word, "-again") == 0)
			a.again = true;
		else if (strcmp(word, "-c") == 0 && i + 1 < argc)
			path = argv[++i];
		else if (strcmp(word, "-z") == 0 && i + 1 < argc)
			zone = argv[++i];
		else if (strcmp(word, "-g") == 0 && i + 1 < argc)
			guid = argv[++i];
		else if (strcmp(word, "-e") == 0 && i + 1 < argc && addr_parse(argv[i + 1], a.exporter) == 0)
			i++;
		else if (strcmp(word, "-version") == 0)
			return printf("ft-import %s\n", FT_VERSION) < 0;
		else
			return usage(strcmp(word, "-h") == 0 || strcmp(word, "-help") == 0 ? stdout : stderr);
	}
	if (files == 0)
		return usage(stderr);
	rc = zone ? tz_open(&a.zone, zone, &err) : 0;
	if (rc == 0)
		rc = begin(path, guid, &err);
	for (int i = 0; i < files && rc == 0; i++)
		rc = one_file(argv[i], &err);
	if (rc != 0)
		fprintf(stderr, "ft-import: %s%s\n", err.text,
			a.receipts.open ? "; the same command goes on from there" : "");
	if (a.connected)
		feed_close(&a.feed);
	receipts_close(&a.receipts);
	tz_close(a.zone);
	return rc == 0 ? 0 : rc == FT_ESYS ? EXIT_SYSTEM : EXIT_WRONG;
}
