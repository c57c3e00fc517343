/*
 * queue.c - see queue.h.
 */
#include "proxy/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/counters.h"
#include "common/hash.h"
#include "common/log.h"

#define MAGIC 0x31515446u      /* "FTQ1" */
#define META_MAGIC 0x314d5446u /* "FTM1" */

struct header {
	uint32_t magic, bytes;
	uint64_t position;
	uint32_t flows, zero;
	uint64_t hash;
};
struct meta {
	uint32_t magic, acknowledges;
	uint64_t stream, taken, zero, hash;
};
enum { FILES_OF_A_QUEUE = 32, FILE_LEAST = 64 << 10, FILE_MOST = 8 << 20 };

static uint64_t
hash_of(const struct header *h, const void *sets)
{
	return hash_bytes(sets, h->bytes, hash_mix(h->position, (uint64_t)h->flows << 32 | h->bytes));
}

static void
path_of(const struct queue *q, uint64_t first, char out[440])
{
	snprintf(out, 440, "%s/%016llx.q", q->dir, (unsigned long long)first);
}

static uint64_t
file_bytes(const struct queue *q)
{
	uint64_t n = q->most / FILES_OF_A_QUEUE;
	return n < FILE_LEAST ? FILE_LEAST : n > FILE_MOST ? FILE_MOST : n;
}

/* A file that is not needed any more, for the next one to begin with: its pages are in memory, and to write on them costs half of
 * what new ones do. */
static const char *
spare_of(const struct queue *q, char out[440])
{
	snprintf(out, 440, "%s/spare", q->dir);
	return out;
}

static void
write_meta(struct queue *q)
{
	struct meta m = {META_MAGIC, q->acknowledges, q->stream, q->taken, 0, 0};
	m.hash = hash_bytes(&m, offsetof(struct meta, hash), 0);
	if (pwrite(q->meta, &m, sizeof m, 0) != sizeof m)
		log_limited(LOG_L_CRITICAL, "%s/meta: can't write: %s", q->dir, strerror(errno));
}

static int
add_file(struct queue *q, uint64_t first)
{
	if (q->n_files == q->room) {
		unsigned room = q->room ? q->room * 2 : 64;
		struct queue_file *more = realloc(q->file, room * sizeof *more);
		if (more == NULL)
			return FT_ENOMEM;
		q->file = more;
		q->room = room;
	}
	q->file[q->n_files++] = (struct queue_file){first, first, 0};
	return 0;
}

static void
remove_oldest(struct queue *q)
{
	char path[440], spare[440];
	path_of(q, q->file[0].first, path);
	if (!q->spare && rename(path, spare_of(q, spare)) == 0)
		q->spare = true;
	else if (unlink(path) != 0 && errno != ENOENT)
		log_limited(LOG_L_CRITICAL, "%s: can't delete: %s", path, strerror(errno));
	q->bytes -= q->file[0].bytes;
	memmove(q->file, q->file + 1, --q->n_files * sizeof *q->file);
}

static int
begin_file(struct queue *q)
{
	char path[440], spare[440];
	path_of(q, q->end, path);
	if (q->spare)
		(void)rename(spare_of(q, spare), path);
	q->spare = false;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return FT_ESYS;
	if (add_file(q, q->end) != 0) {
		close(fd);
		return FT_ENOMEM;
	}
	if (q->out >= 0)
		close(q->out);
	q->out = fd;
	return 0;
}

/* ---- a start ---------------------------------------------------------------------------------- */

/* How far a file is good.  What is behind the last message is nothing, or a header of zeros and what the file was before. */
static void
check_file(struct queue *q, struct queue_file *f)
{
	static const struct header last;
	static uint8_t sets[QUEUE_MESSAGE]; /* at starts and reloads only, by one thread */
	char path[440];
	struct header h = last;
	struct stat st;
	path_of(q, f->first, path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	for (;; f->bytes += sizeof h + h.bytes, f->end = h.position + h.flows) {
		h = last;
		if (pread(fd, &h, sizeof h, (off_t)f->bytes) != sizeof h || h.magic != MAGIC ||
			h.bytes > QUEUE_MESSAGE || h.position < f->end)
			break;
		if (pread(fd, sets, h.bytes, (off_t)(f->bytes + sizeof h)) != (ssize_t)h.bytes ||
			h.hash != hash_of(&h, sets))
			break;
	}
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size != f->bytes) {
		if (memcmp(&h, &last, sizeof h) != 0) {
			counter_add(COUNTER_proxy_damaged, 1);
			log_critical("%s: %lld bytes at its end are no whole message: taken off", path,
				(long long)st.st_size - (long long)f->bytes);
		}
		if (ftruncate(fd, (off_t)f->bytes) != 0)
			log_critical("%s: can't shorten: %s", path, strerror(errno));
	}
	close(fd);
}

static int
by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct queue_file *)a)->first, y = ((const struct queue_file *)b)->first;
	return (x > y) - (x < y);
}

static int
find_files(struct queue *q, struct err *err)
{
	DIR *d = opendir(q->dir);
	int rc = 0;
	if (d == NULL)
		return err_sys(err, "%s: can't read the folder", q->dir);
	for (const struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
		unsigned long long first;
		char tail;
		if (sscanf(e->d_name, "%16llx.%c", &first, &tail) == 2 && tail == 'q')
			rc = add_file(q, first);
	}
	closedir(d);
	if (q->n_files)
		qsort(q->file, q->n_files, sizeof *q->file, by_first);
	for (unsigned i = 0; i < q->n_files; i++) {
		check_file(q, &q->file[i]);
		q->bytes += q->file[i].bytes;
		if (q->file[i].end > q->end)
			q->end = q->file[i].end;
	}
	return rc == 0 ? 0 : err_set(err, rc, "out of memory for %s", q->dir);
}

static int
open_meta(struct queue *q, struct err *err)
{
	char path[440];
	struct meta m;
	snprintf(path, sizeof path, "%s/meta", q->dir);
	q->meta = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (q->meta < 0)
		return err_sys(err, "%s: can't open", path);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(q->meta, F_OFD_SETLK, &lock) != 0)
		return err_set(err, FT_EBUSY,
			"%s: another ft-proxy uses this queue; give each its own queuepath", q->dir);
	if (pread(q->meta, &m, sizeof m, 0) == sizeof m && m.magic == META_MAGIC &&
		m.hash == hash_bytes(&m, offsetof(struct meta, hash), 0)) {
		q->stream = m.stream;
		q->taken = m.taken;
		q->acknowledges = m.acknowledges != 0;
	}
	while (q->stream == 0)
		if (getrandom(&q->stream, sizeof q->stream, 0) != sizeof q->stream)
			return err_sys(err, "no random numbers");
	write_meta(q);
	return 0;
}

int
queue_open(struct queue *q, const char *dir, uint64_t most, struct err *err)
{
	memset(q, 0, sizeof *q);
	q->out = q->meta = q->wake = -1;
	q->most = most;
	pthread_mutex_init(&q->mutex, NULL);
	snprintf(q->dir, sizeof q->dir, "%s", dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", dir);
	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->wake < 0)
		return err_sys(err, "no eventfd");
	int rc = open_meta(q, err);
	if (rc == 0)
		rc = find_files(q, err);
	if (rc != 0)
		return rc;
	if (q->end < q->taken)
		q->end = q->taken;
	char spare[440];
	q->spare = access(spare_of(q, spare), F_OK) == 0;
	if (q->taken > 0 || q->n_files > 0)
		log_high("%s: %llu flows wait for their destination", dir,
			(unsigned long long)queue_figures(q).flows);
	/* a file that nothing was written to yet has the name that a new one would have */
	if (q->n_files && q->file[q->n_files - 1].bytes == 0) {
		q->n_files--;
	}
	return begin_file(q) == 0 ? 0 : err_sys(err, "%s: can't make a file", dir);
}

void
queue_close(struct queue *q)
{
	if (q->out >= 0)
		close(q->out);
	if (q->meta >= 0)
		close(q->meta);
	if (q->wake >= 0)
		close(q->wake);
	free(q->file);
	pthread_mutex_destroy(&q->mutex);
	q->file = NULL;
	q->out = q->meta = q->wake = -1;
}

/* ---- appending -------------------------------------------------------------------------------- */

static void
drop_oldest(struct queue *q)
{
	const struct queue_file *f = &q->file[0];
	uint64_t from = f->first > q->taken ? f->first : q->taken;
	uint64_t lost = f->end > from ? f->end - from : 0;
	q->dropped += lost;
	counter_add(COUNTER_proxy_dropped_flows, lost);
	if (lost)
		log_limited(LOG_L_CRITICAL,
			"%s: the oldest %llu flows are dropped: the queue may have %llu bytes (queuesize)",
			q->dir, (unsigned long long)lost, (unsigned long long)q->most);
	remove_oldest(q);
}

static bool
write_message(struct queue *q, const struct header *h, const void *sets)
{
	static const struct header last;
	struct iovec v[3] = {{(void *)(uintptr_t)h, sizeof *h}, {(void *)(uintptr_t)sets, h->bytes},
		{(void *)(uintptr_t)&last, sizeof last}};
	struct queue_file *f = &q->file[q->n_files - 1];
	size_t n = sizeof *h + h->bytes;
	ssize_t done = pwritev(q->out, v, 3, (off_t)f->bytes);
	if (done == (ssize_t)(n + sizeof last)) {
		f->bytes += n;
		f->end = h->position + h->flows;
		q->bytes += n;
		return true;
	}
	if (done > 0 && ftruncate(q->out, (off_t)f->bytes) != 0)
		log_limited(LOG_L_CRITICAL, "%s: can't take a cut message off: %s", q->dir, strerror(errno));
	return false;
}

bool
queue_append(struct queue *q, const void *sets, size_t n, uint32_t flows)
{
	struct header h = {MAGIC, (uint32_t)n, 0, flows, 0, 0};
	uint64_t one = 1;
	pthread_mutex_lock(&q->mutex);
	h.position = q->end;
	h.hash = hash_of(&h, sets);
	bool good = q->out >= 0 && (q->file[q->n_files - 1].bytes < file_bytes(q) || begin_file(q) == 0);
	while (q->bytes + n > q->most && q->n_files > 1)
		drop_oldest(q);
	good = good && write_message(q, &h, sets);
	while (!good && q->n_files > 1) { /* the disk is full */
		drop_oldest(q);
		good = write_message(q, &h, sets);
	}
	q->end += flows;
	if (!good) {
		q->dropped += flows;
		counter_add(COUNTER_proxy_dropped_flows, flows);
		log_limited(LOG_L_CRITICAL, "%s: %u flows can't be written and are dropped: %s", q->dir,
			flows, strerror(errno));
	}
	bool wake = q->waiting;
	q->waiting = false;
	pthread_mutex_unlock(&q->mutex);
	if (wake && write(q->wake, &one, sizeof one) < 0)
		log_low("%s: nobody could be woken", q->dir);
	return good;
}

/* ---- reading ---------------------------------------------------------------------------------- */

void
queue_read_begin(struct queue *q, struct queue_reader *r)
{
	pthread_mutex_lock(&q->mutex);
	*r = (struct queue_reader){.fd = -1, .position = q->taken};
	pthread_mutex_unlock(&q->mutex);
}

void
queue_read_end(struct queue_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->chunk);
	r->fd = -1;
	r->chunk = NULL;
}

/* The file that has r->position, or the first after it; its bytes, 0: there is none with more in it. */
static uint64_t
seek(const struct queue *q, struct queue_reader *r)
{
	char path[440];
	for (unsigned i = 0; i < q->n_files; i++) {
		const struct queue_file *f = &q->file[i];
		if (f->end <= r->position)
			continue;
		if (r->fd >= 0 && r->file == f->first)
			return r->at < f->bytes ? f->bytes : 0;
		if (r->fd >= 0)
			close(r->fd);
		path_of(q, f->first, path);
		r->fd = open(path, O_RDONLY | O_CLOEXEC);
		r->file = f->first;
		r->at = r->n_chunk = 0;
		return r->fd >= 0 ? f->bytes : 0;
	}
	return 0;
}

/* n bytes of the file from r->at on, of which `end` were written; NULL: it has fewer */
static const uint8_t *
look(struct queue_reader *r, size_t n, uint64_t end)
{
	if (r->at + n > end)
		return NULL;
	if (r->n_chunk == 0 || r->at < r->chunk_at || r->at + n > r->chunk_at + r->n_chunk) {
		uint64_t left = end - r->at;
		if (r->chunk == NULL && (r->chunk = malloc(QUEUE_CHUNK)) == NULL)
			return NULL;
		r->chunk_at = r->at;
		ssize_t got = pread(r->fd, r->chunk, left < QUEUE_CHUNK ? left : QUEUE_CHUNK, (off_t)r->at);
		r->n_chunk = got > 0 ? (size_t)got : 0;
	}
	return r->n_chunk >= n ? r->chunk + (r->at - r->chunk_at) : NULL;
}

static bool
read_one(const struct queue *q, struct queue_reader *r, uint64_t end, uint8_t *out, struct header *h)
{
	const uint8_t *p = look(r, sizeof *h, end);
	if (p)
		memcpy(h, p, sizeof *h);
	if (p && h->magic == MAGIC && h->bytes <= QUEUE_MESSAGE &&
		(p = look(r, sizeof *h + h->bytes, end)) != NULL && h->hash == hash_of(h, p + sizeof *h)) {
		memcpy(out, p + sizeof *h, h->bytes);
		r->at += sizeof *h + h->bytes;
		return true;
	}
	log_limited(LOG_L_CRITICAL, "%s/%016llx.q is damaged: the rest of it is left out", q->dir,
		(unsigned long long)r->file);
	return false;
}

/* what comes after the file that r reads */
static uint64_t
after_file(const struct queue *q, const struct queue_reader *r)
{
	for (unsigned i = 0; i < q->n_files; i++)
		if (q->file[i].first == r->file)
			return q->file[i].end;
	return r->position;
}

bool
queue_read(struct queue *q, struct queue_reader *r, uint8_t out[QUEUE_MESSAGE], struct queue_message *m)
{
	struct header h;
	bool found = false;
	pthread_mutex_lock(&q->mutex);
	for (uint64_t end; !found && (end = seek(q, r)) > 0;) {
		if (!read_one(q, r, end, out, &h)) {
			r->position = after_file(q, r);
			queue_read_end(r);
			continue;
		}
		found = h.position + h.flows > r->position;
	}
	if (found) {
		*m = (struct queue_message){h.position, h.flows, h.bytes};
		r->position = h.position + h.flows;
	} else
		q->waiting = true;
	pthread_mutex_unlock(&q->mutex);
	return found;
}

void
queue_taken(struct queue *q, uint64_t position, bool by_ack)
{
	pthread_mutex_lock(&q->mutex);
	bool news = by_ack && !q->acknowledges;
	q->acknowledges |= by_ack;
	if (position > q->taken && position <= q->end) {
		counter_add(COUNTER_proxy_acknowledged_flows, position - q->taken);
		q->taken = position;
		news = true;
	}
	if (news)
		write_meta(q);
	while (q->n_files > 1 && q->file[0].end <= q->taken)
		remove_oldest(q);
	pthread_mutex_unlock(&q->mutex);
}

struct queue_figures
queue_figures(struct queue *q)
{
	pthread_mutex_lock(&q->mutex);
	struct queue_figures f = {q->end - q->taken, q->bytes, q->dropped, q->end, q->taken};
	for (unsigned i = 1; i < q->n_files; i++) /* gaps between files are flows that are there no more */
		if (q->file[i].first > q->file[i - 1].end && q->file[i - 1].end >= q->taken)
			f.flows -= q->file[i].first - q->file[i - 1].end;
	if (q->n_files && q->file[0].first > q->taken)
		f.flows -= q->file[0].first - q->taken;
	pthread_mutex_unlock(&q->mutex);
	return f;
}
