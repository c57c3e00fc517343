/*
 * change.c - ft-store attach, detach, clear, and what they and repair tell a running ft-store.
 *
 * Segments before the active one never change, and a reader opens them by name: so files may come and go beside a running
 * ft-store, which only has to be told (operation `segments`): it looks at the folder anew, tells readers the oldest
 * number, and makes index entries of what is new.  The lock on DATABASE/lock says whether one runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/rpc.h"
#include "common/segment_file.h"
#include "common/shm.h"
#include "store/admin.h"
#include "store/journal.h"
#include "store/store.h"
#include "store/trim.h"

enum { GONE_MOST = 65536, ANSWER_S = 120 };

/* Nobody serves it while we hold the lock.  -1: a file system that has none, or somebody does; said if `say`. */
static int
lock_folder(const struct admin *a, bool say)
{
	char path[600];
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	snprintf(path, sizeof path, "%s/lock", a->database);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		fprintf(stderr, "ft-store: %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (fcntl(fd, F_OFD_SETLK, &l) != 0) {
		if (say)
			fprintf(stderr, "ft-store: %s is in use: stop ft-store first\n", a->database);
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- telling ----------------------------------------------------------------------------------- */

static json_t *
numbers(const uint32_t *n, uint32_t count)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, json_integer(n[i]));
	return list;
}

static int
ask_store(const struct admin *a, json_t *request, struct err *err)
{
	char endpoint[400];
	struct rpc_client *client;
	json_t *body = NULL;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/store.ctl", conf_str(a->conf, CONF_rundir));
	int rc = rpc_client_open(&client, endpoint, NULL, err);
	if (rc != FT_OK) {
		json_decref(request);
		return rc;
	}
	rc = rpc_ask(client, request, &body, span_seconds(ANSWER_S), err);
	json_decref(body);
	rpc_client_close(client);
	return rc;
}

int
change_tell(struct admin *a, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone,
	uint32_t n_gone, struct err *err)
{
	static struct store st;
	int lock = lock_folder(a, false);
	if (lock < 0)
		return ask_store(a,
			json_pack("{s:s, s:o, s:o}", "op", "segments", "changed", numbers(changed, n_changed),
				"gone", numbers(gone, n_gone)),
			err);
	memset(&st, 0, sizeof st);
	snprintf(st.database, sizeof st.database, "%s", a->database);
	int rc = index_open(&st, err);
	if (rc == FT_OK) {
		rescan_index(&st, changed, n_changed, gone, n_gone);
		index_close(&st);
	}
	close(lock);
	return rc;
}

/* ---- attach ------------------------------------------------------------------------------------ */

/* Which database a segment is of; false: it can't be told, it is no segment. */
static bool
owner(const char *folder, uint32_t number, uint8_t uuid[16])
{
	struct segment_state s;
	struct journal_head last;
	static const uint8_t none[16];
	if (segment_examine(folder, number, false, &s, &last) != FT_OK || s.kind == SEGMENT_EMPTY)
		return false;
	memcpy(uuid, s.store_uuid, 16);
	return memcmp(uuid, none, 16) != 0;
}

/* An archive is a folder of segments; a backup is a database, with a folder `segments`: that is the one then. */
static const char *
folder_of(const char *folder, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/segments", folder);
	return n > 0 && (size_t)n < size && access(out, F_OK) == 0 ? out : folder;
}

struct attach {
	struct admin *a;
	const char *folder; /* of the files */
	uint32_t *have, n_have, oldest, newest;
	uint8_t uuid[16];
	uint32_t *take, n_take;
};

static bool
holds(const uint32_t *list, uint32_t n, uint32_t number)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == number)
			return true;
	return false;
}

/* May it come?  Why not is said. */
static bool
fits(const struct attach *x, uint32_t number)
{
	char here[700];
	uint8_t uuid[16];
	struct segment_state s;
	struct journal_head last;
	if (holds(x->have, x->n_have, number)) {
		printf("segment %u is there already\n", number);
		return false;
	}
	if (number > x->newest) {
		printf("segment %u: this database has only come to %u\n", number, x->newest);
		return false;
	}
	snprintf(here, sizeof here, "%s/%08u.seg", x->folder, number);
	if (segment_examine_file(here, number, &s, &last) != FT_OK || s.kind == SEGMENT_EMPTY) {
		printf("segment %u: %s is no segment\n", number, here);
		return false;
	}
	memcpy(uuid, s.store_uuid, 16);
	if (memcmp(uuid, x->uuid, 16) != 0) {
		printf("segment %u belongs to another database\n", number);
		return false;
	}
	return true;
}

static int
find_files(struct attach *x)
{
	struct dirent *e;
	uint32_t number, room = 0;
	DIR *d = opendir(x->folder);
	if (d == NULL) {
		fprintf(stderr, "ft-store: %s: %s\n", x->folder, strerror(errno));
		return EXIT_SYSTEM;
	}
	while ((e = readdir(d)) != NULL) {
		if (!segment_number(e->d_name, &number) || !fits(x, number))
			continue;
		if (x->n_take == room) {
			room = room * 2 + 64;
			uint32_t *p = realloc(x->take, room * sizeof *p);
			if (p == NULL)
				break;
			x->take = p;
		}
		x->take[x->n_take++] = number;
	}
	closedir(d);
	return 0;
}

/* Numbers between what comes and what is there that are nowhere: retention took them. */
static uint32_t
retired(const struct attach *x, uint32_t *out)
{
	uint32_t first = x->oldest, n = 0;
	for (uint32_t i = 0; i < x->n_take; i++)
		first = x->take[i] < first ? x->take[i] : first;
	for (uint32_t k = first; k < x->oldest && n < GONE_MOST; k++)
		if (!holds(x->take, x->n_take, k))
			out[n++] = k;
	return n;
}

static int
take_files(struct attach *x)
{
	static uint32_t gone[GONE_MOST];
	char from[700], path[600];
	struct err err;
	uint32_t done = 0;
	uint64_t most = conf_uint(x->a->conf, CONF_storage_segmentcount);
	if (x->n_have + x->n_take > most) {
		fprintf(stderr,
			"ft-store: %u segments and %u more are beyond segmentcount %llu, and the oldest "
			"would go at "
			"once: raise it first (SIGHUP is enough)\n",
			x->n_have, x->n_take, (unsigned long long)most);
		return 1;
	}
	for (uint32_t i = 0; i < x->n_take; i++) {
		snprintf(from, sizeof from, "%s/%08u.seg", x->folder, x->take[i]);
		(void)segment_path(path, sizeof path, x->a->database, x->take[i]);
		if (link(from, path) != 0 && file_copy(from, path) != FT_OK)
			fprintf(stderr, "ft-store: %s can't be copied to %s: %s\n", from, path,
				strerror(errno));
		else
			x->take[done++] = x->take[i];
	}
	x->n_take = done;
	if (done > 0 && change_tell(x->a, x->take, done, gone, retired(x, gone), &err) != FT_OK) {
		fprintf(stderr,
			"ft-store: the segments are there, but the running ft-store could not be told: %s; "
			"restart it\n",
			err.text);
		return EXIT_SYSTEM;
	}
	printf("%u segments attached; they count for segmentcount and databasesize like all others\n", done);
	return done > 0 ? 0 : 1;
}

int
change_attach(struct admin *a)
{
	char folder[700];
	struct err err;
	struct attach x = {.a = a, .folder = a->argument};
	if (a->argument == NULL) {
		fprintf(stderr, "ft-store: attach needs a folder with archived segments: none given\n");
		return EXIT_USAGE;
	}
	x.folder = folder_of(a->argument, folder, sizeof folder - 16);
	if (segment_list(a->database, &x.have, &x.n_have, &err) != FT_OK || x.n_have == 0 ||
		!owner(a->database, x.have[x.n_have - 1], x.uuid)) {
		fprintf(stderr,
			"ft-store: %s holds no segments to attach others to: start ft-store on it once\n",
			a->database);
		free(x.have);
		return 1;
	}
	x.oldest = x.have[0];
	x.newest = x.have[x.n_have - 1];
	int rc = find_files(&x);
	if (rc == 0)
		rc = take_files(&x);
	free(x.have);
	free(x.take);
	return rc;
}

/* ---- clear, detach ----------------------------------------------------------------------------- */

/* The open block holds sessions as well. */
static void
clear_memory(const struct admin *a)
{
	char dir[200];
	struct dirent *e;
	if (shm_dir(conf_str(a->conf, CONF_instance), dir, sizeof dir, NULL) != FT_OK)
		return;
	DIR *d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "open.", 5) == 0 || strcmp(e->d_name, "store") == 0 ||
			strcmp(e->d_name, "catalog") == 0)
			(void)shm_remove(dir, e->d_name);
	if (d != NULL)
		closedir(d);
}

int
change_clear(struct admin *a)
{
	char path[600], answer[16] = "";
	uint32_t *n, count;
	struct err err;
	if (segment_list(a->database, &n, &count, &err) != FT_OK) {
		fprintf(stderr, "ft-store: %s\n", err.text);
		return EXIT_SYSTEM;
	}
	int lock = lock_folder(a, true);
	if (lock < 0) {
		free(n);
		return 1;
	}
	if (!a->yes) {
		printf("Remove all sessions of %s (%u segments)? There is no way back. Type yes: ",
			a->database, count);
		fflush(stdout);
		if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0) {
			printf("nothing was removed\n");
			free(n);
			close(lock);
			return 1;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)segment_path(path, sizeof path, a->database, n[i]);
		if (unlink(path) != 0)
			fprintf(stderr, "ft-store: %s: %s\n", path, strerror(errno));
	}
	free(n);
	snprintf(path, sizeof path, "%s/index.lmdb", a->database);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/imported", conf_str(a->conf, CONF_statedir));
	(void)unlink(path); /* what was imported is gone as well, and may come again */
	clear_memory(a);
	close(lock);
	printf("all sessions are removed\n");
	return 0;
}

int
change_detach(struct admin *a, const char *folder)
{
	char path[600], to[700];
	char *end;
	struct err err;
	unsigned long number = a->argument ? strtoul(a->argument, &end, 10) : 0;
	if (number == 0 || *end != '\0' || folder == NULL) {
		admin_usage_error();
		return EXIT_USAGE;
	}
	int lock = lock_folder(a, true);
	if (lock < 0)
		return 1;
	(void)segment_path(path, sizeof path, a->database, (uint32_t)number);
	snprintf(to, sizeof to, "%s/%08lu.seg", folder, number);
	int rc = rename(path, to) == 0 ? FT_OK : FT_ESYS;
	if (rc != FT_OK && errno == EXDEV && (rc = file_copy(path, to)) == FT_OK)
		(void)unlink(path);
	if (rc != FT_OK)
		fprintf(stderr, "ft-store: segment %lu can't be moved to %s: %s\n", number, folder,
			strerror(errno));
	close(lock);
	uint32_t gone = (uint32_t)number;
	if (rc == FT_OK)
		(void)change_tell(a, NULL, 0, &gone, 1, &err); /* answers warn of it then, no more */
	return rc == FT_OK ? 0 : EXIT_SYSTEM;
}
