/*
 * receipts.c - see receipts.h.
 */
#include "proxy/receipts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/crash.h"

static int
damaged(const struct receipts *r, unsigned line, struct err *err)
{
	return err_set(err, FT_EFORMAT,
		"%s, line %u: unknown words; if the file is lost, move it away: what was imported is not "
		"known "
		"then, and would be imported again",
		r->path, line);
}

static struct receipt *
add(struct receipts *r, const uint64_t digest[2])
{
	if (r->n == r->room) {
		unsigned room = r->room * 2 + 64;
		struct receipt *p = realloc(r->file, room * sizeof *p);
		if (p == NULL)
			return NULL;
		r->file = p;
		r->room = room;
	}
	r->file[r->n] = (struct receipt){.digest = {digest[0], digest[1]}};
	return &r->file[r->n++];
}

struct receipt *
receipts_find(struct receipts *r, const uint64_t digest[2])
{
	for (unsigned i = r->n; i-- > 0;)
		if (r->file[i].digest[0] == digest[0] && r->file[i].digest[1] == digest[1])
			return &r->file[i];
	return NULL;
}

static bool
begin(struct receipts *r, const uint64_t digest[2], uint64_t base, uint64_t from, uint64_t flows)
{
	struct receipt *f = receipts_find(r, digest);
	if (f == NULL && (f = add(r, digest)) == NULL)
		return false;
	f->flows = flows;
	f->done = from;
	r->open = true;
	r->running = (unsigned)(f - r->file);
	r->base = r->to = base;
	r->from = from;
	return true;
}

static void
settle(struct receipts *r, uint64_t position)
{
	r->file[r->running].done = r->from + (position - r->base);
	r->next = position;
	r->open = false;
}

static bool
understand(struct receipts *r, const char *line)
{
	uint64_t a, b, c, d[2];
	if (sscanf(line, "stream %" SCNx64, &a) == 1)
		r->stream = a;
	else if (sscanf(line, "run %" SCNu64 " %" SCNu64 " %" SCNu64 " %16" SCNx64 "%16" SCNx64, &a, &b, &c,
			 &d[0], &d[1]) == 5)
		return begin(r, d, a, b, c);
	else if (sscanf(line, "to %" SCNu64, &a) == 1 && r->open && a >= r->base)
		r->to = a;
	else if (sscanf(line, "end %" SCNu64, &a) == 1 && r->open && a >= r->base && a <= r->to)
		settle(r, a);
	else
		return false;
	return true;
}

static int
load(struct receipts *r, struct err *err)
{
	FILE *f = fdopen(dup(r->fd), "r");
	char *line = NULL;
	size_t room = 0;
	off_t whole = 0;
	ssize_t n;
	int rc = f == NULL ? err_sys(err, "%s", r->path) : 0;
	for (unsigned i = 1; rc == 0 && (n = getline(&line, &room, f)) > 0; i++) {
		if (line[n - 1] != '\n')
			break; /* cut short by a crash: nothing was done on it */
		whole += n;
		if (!understand(r, line))
			rc = damaged(r, i, err);
	}
	if (rc == 0 && (ftruncate(r->fd, whole) != 0 || lseek(r->fd, whole, SEEK_SET) < 0))
		rc = err_sys(err, "%s", r->path);
	free(line);
	if (f)
		fclose(f);
	return rc;
}

static int
append(struct receipts *r, const char *line, int n, struct err *err)
{
	crash_point("import: before a receipt");
	if (write(r->fd, line, (size_t)n) != n || fdatasync(r->fd) != 0)
		return err_sys(err, "%s can't be written", r->path);
	return 0;
}

int
receipts_open(struct receipts *r, const char *statedir, struct err *err)
{
	char line[64];
	*r = (struct receipts){.next = 1};
	snprintf(r->path, sizeof r->path, "%s/imported", statedir);
	r->fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (r->fd < 0)
		return err_sys(err, "%s can't be opened", r->path);
	int rc = flock(r->fd, LOCK_EX | LOCK_NB) == 0
			 ? load(r, err)
			 : err_set(err, FT_EBUSY, "another ft-import is at work (it holds %s)", r->path);
	if (rc == 0 && r->stream == 0) {
		if (getrandom(&r->stream, sizeof r->stream, 0) != sizeof r->stream)
			rc = err_sys(err, "no random numbers");
		r->stream |= 1;
		if (rc == 0)
			rc = append(
				r, line, snprintf(line, sizeof line, "stream %" PRIx64 "\n", r->stream), err);
	}
	if (rc != 0)
		receipts_close(r);
	return rc;
}

void
receipts_close(struct receipts *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->file);
	*r = (struct receipts){.fd = -1};
}

int
receipts_run(struct receipts *r, const uint64_t digest[2], uint64_t flows, uint64_t from, const char *name,
	struct err *err)
{
	char line[900];
	CHECK(!r->open);
	int n = snprintf(line, sizeof line,
		"run %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64 "%016" PRIx64 " %.500s", r->next, from,
		flows, digest[0], digest[1], name);
	for (int i = 0; i < n; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[n++] = '\n';
	int rc = append(r, line, n, err);
	if (rc == 0 && !begin(r, digest, r->next, from, flows))
		rc = err_set(err, FT_ENOMEM, "out of memory");
	return rc;
}

int
receipts_to(struct receipts *r, uint64_t position, struct err *err)
{
	char line[64];
	int rc = append(r, line, snprintf(line, sizeof line, "to %" PRIu64 "\n", position), err);
	if (rc == 0)
		r->to = position;
	return rc;
}

int
receipts_end(struct receipts *r, uint64_t position, struct err *err)
{
	char line[64];
	CHECK(r->open && position >= r->base && position <= r->to);
	int rc = append(r, line, snprintf(line, sizeof line, "end %" PRIu64 "\n", position), err);
	if (rc == 0)
		settle(r, position);
	return rc;
}
