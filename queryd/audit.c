/* audit.c - see audit.h. */
#include "queryd/audit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

enum { TAIL_BYTES = 256 << 10, LINE = 4096 };

struct audit {
	pthread_mutex_t mutex;
	int fd;
	char path[512];
};

static int
open_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		(void)err_sys(err, "%s: can't open the audit log", path);
	return fd;
}

int
audit_open(struct audit **out, const char *path, struct err *err)
{
	struct audit *a = calloc(1, sizeof *a);
	*out = NULL;
	if (a == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	pthread_mutex_init(&a->mutex, NULL);
	snprintf(a->path, sizeof a->path, "%s", path);
	a->fd = open_file(path, err);
	if (a->fd < 0) {
		audit_close(a);
		return FT_ESYS;
	}
	*out = a;
	return 0;
}

void
audit_close(struct audit *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}

int
audit_reopen(struct audit *a, const char *path, struct err *err)
{
	int fd = open_file(path, err);
	if (fd < 0)
		return FT_ESYS; /* goes on in the file it has */
	pthread_mutex_lock(&a->mutex);
	int was = a->fd;
	a->fd = fd;
	snprintf(a->path, sizeof a->path, "%s", path);
	pthread_mutex_unlock(&a->mutex);
	close(was);
	return 0;
}

static size_t
stamp(char *out, size_t room)
{
	int64_t now = wall_now().us;
	time_t s = (time_t)(now / 1000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	size_t n = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(out + n, room - n, ".%06dZ", (int)(now % 1000000));
}

/* the JSON text of a value, or "?" */
static void
put(char *line, size_t *n, const char *name, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
	int k = snprintf(line + *n, LINE - 2 - *n, " %s=%s", name, text ? text : "?");
	free(text);
	*n = k < 0 || (size_t)k >= LINE - 2 - *n ? LINE - 3 : *n + (size_t)k;
}

int
audit_write(struct audit *a, const char *user, const char *from, const char *act, const json_t *details,
	struct err *err)
{
	char line[LINE];
	const char *name;
	json_t *value, *who = json_string(user);
	size_t n = stamp(line, sizeof line);
	put(line, &n, "user", who);
	json_decref(who);
	n += (size_t)snprintf(line + n, LINE - 2 - n, " from=%.48s act=%.40s", from, act);
	json_object_foreach ((json_t *)(uintptr_t)details, name, value)
		put(line, &n, name, value);
	line[n++] = '\n';
	pthread_mutex_lock(&a->mutex);
	ssize_t done = write(a->fd, line, n);
	int rc = done == (ssize_t)n && fdatasync(a->fd) == 0
			 ? 0
			 : err_sys(err, "%s: can't write the audit log", a->path);
	pthread_mutex_unlock(&a->mutex);
	return rc;
}

json_t *
audit_tail(struct audit *a, unsigned lines, int64_t *before, struct err *err)
{
	struct stat st;
	json_t *out = json_array();
	char *bytes = malloc(TAIL_BYTES + 1);
	pthread_mutex_lock(&a->mutex);
	off_t size = fstat(a->fd, &st) == 0 ? st.st_size : 0;
	off_t to = *before < size ? (off_t)*before : size;
	off_t from = to > TAIL_BYTES ? to - TAIL_BYTES : 0;
	ssize_t n = bytes ? pread(a->fd, bytes, (size_t)(to - from), from) : -1;
	pthread_mutex_unlock(&a->mutex);
	if (n < 0 || out == NULL) {
		(void)err_sys(err, "the audit log can't be read");
		free(bytes);
		json_decref(out);
		return NULL;
	}
	size_t end = (size_t)n;
	while (end > 0 && json_array_size(out) < lines) {
		size_t begin = end - 1; /* bytes[end - 1] is a newline */
		while (begin > 0 && bytes[begin - 1] != '\n')
			begin--;
		if (begin == 0 && from > 0)
			break; /* half a line */
		json_t *line = json_stringn(bytes + begin, end - 1 - begin);
		if (line) /* `before` may be any number: then a line may be cut inside a character */
			json_array_insert_new(out, 0, line);
		end = begin;
	}
	*before = from + (int64_t)end;
	free(bytes);
	return out;
}
