/*
 * admin.c - see admin.h.  stats, verify and backup read beside a running ft-store and disturb nothing: sealed
 * segments are copied as files, the active one record by record in short transactions.  clear, attach and detach
 * change the folder and therefore want ft-store stopped.
 */
#include "store/admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/block_format.h"
#include "common/conf.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/columns.h"
#include "store/journal.h"
#include "store/serve.h"
#include "store/store.h"
#include "store/trim.h"

enum { EXIT_USAGE = 100, EXIT_SYSTEM = 111 };

struct admin {
	const char *word, *argument;
	struct conf *conf;
	const char *database;
	bool yes;
};

static void
usage(FILE *to)
{
	fputs("usage: ft-store -c FILE [-f]                      store what ft-tracker sends\n"
	      "       ft-store stats  -c FILE                    what the database holds\n"
	      "       ft-store verify -c FILE                    read everything, compare checksums\n"
	      "       ft-store backup DIR -c FILE                copy the database while it runs\n"
	      "       ft-store attach DIR -c FILE                let archived segments answer again "
	      "(ft-store stopped)\n"
	      "       ft-store detach NUMBER DIR -c FILE         move a segment out to DIR (ft-store "
	      "stopped)\n"
	      "       ft-store clear [--yes] -c FILE             remove all sessions (asks; ft-store "
	      "stopped)\n"
	      "       ft-store import ...                        what nfdump has kept, as CSV: ft-import "
	      "-h\n",
		to);
}

/* ---- reading one segment ----------------------------------------------------------------------------- */

struct look {
	const char *path;
	uint32_t number;
	uint64_t blocks, rows, bytes, packed, min_us, max_us;
	uint64_t bad, journal_rows;
	bool deep;
	uint8_t *map;
	uint64_t size;
	uint32_t next_block;
	struct columns_sum *columns;
	struct block_header best[1 << 14]; /* by block number: the newest image */
	uint64_t offset[1 << 14];
};

static int
note_block(void *ctx, uint64_t offset, const struct block_header *h)
{
	struct look *l = ctx;
	if (h->segment != l->number || h->block >= sizeof l->best / sizeof l->best[0])
		return FT_OK;
	struct block_header *b = &l->best[h->block];
	if (b->bytes != 0 && !block_is_newer(h, b->commit, b->sealed_us))
		return FT_OK;
	*b = *h;
	l->offset[h->block] = offset;
	if (h->block >= l->next_block)
		l->next_block = h->block + 1;
	return FT_OK;
}

static int
note_directory(void *ctx, uint64_t offset, const struct segment_directory *d)
{
	struct look *l = ctx;
	(void)offset;
	if (d->segment == l->number && d->blocks <= sizeof l->best / sizeof l->best[0] &&
		d->blocks > l->next_block)
		l->next_block = d->blocks;
	return FT_OK;
}

/* Every column decoded once, every checksum compared. */
static bool
block_sound(const uint8_t *at, uint64_t n)
{
	struct block_view v;
	uint64_t rows[4096];
	bool good = block_view_sealed(&v, at, n, true, NULL) == FT_OK;
	if (good)
		good = block_addrs(&v) != NULL && block_exporters(&v) != NULL && block_wides(&v) != NULL;
	for (unsigned c = 0; c < FT_COLUMNS && good; c++)
		for (uint32_t from = 0; from < v.rows && good; from += 4096) {
			uint32_t take = v.rows - from < 4096 ? v.rows - from : 4096;
			good = block_u64(&v, (enum ft_column)c, from, take, rows) == FT_OK;
		}
	block_view_close(&v);
	return good;
}

static int
look_inside(void *ctx)
{
	struct look *l = ctx;
	struct segment_visit visit = {note_block, note_directory, l};
	int rc = segment_scan(l->map, l->size, &visit);
	for (uint32_t b = 0; b < l->next_block && rc == FT_OK; b++) {
		const struct block_header *h = &l->best[b];
		if (h->bytes == 0 || (l->deep && !block_sound(l->map + l->offset[b], h->bytes))) {
			printf("segment %u: block %u is damaged\n", l->number, b);
			l->bad++;
			continue;
		}
		l->blocks++;
		l->rows += h->rows;
		l->packed += h->bytes;
		columns_add(l->columns, l->map + l->offset[b], h->bytes);
		if (l->min_us == 0 || (uint64_t)h->min_first_us < l->min_us)
			l->min_us = (uint64_t)h->min_first_us;
		if ((uint64_t)h->max_last_us > l->max_us)
			l->max_us = (uint64_t)h->max_last_us;
	}
	return rc;
}

static int
look_at(struct look *l, const char *database, uint32_t number, struct columns_sum *columns, bool deep)
{
	char path[600];
	struct stat st;
	memset(l, 0, sizeof *l);
	l->number = number;
	l->columns = columns;
	l->deep = deep;
	if (segment_path(path, sizeof path, database, number) != FT_OK)
		return FT_EINVAL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = FT_ESYS;
	if (fd < 0 || fstat(fd, &st) != 0) {
		printf("segment %u: %s\n", number, strerror(errno));
	} else {
		l->size = (uint64_t)st.st_size;
		l->bytes = (uint64_t)st.st_blocks * 512;
		void *p = l->size ? mmap(NULL, l->size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
		if (p != MAP_FAILED) {
			l->map = p;
			rc = guard_run(look_inside, l);
			(void)munmap(p, l->size);
		}
		if (rc != FT_OK) {
			printf("segment %u: the file is cut short\n", number);
			l->bad++;
		}
	}
	if (fd >= 0)
		close(fd);
	struct segment_state s;
	struct journal_head last;
	if (deep && segment_examine(database, number, false, &s, &last) == FT_OK) {
		if (s.kind != SEGMENT_GOOD) {
			printf("segment %u: its LMDB pages are damaged; blocks are found without them\n",
				number);
			l->bad++;
		} else if (s.last) {
			l->journal_rows = s.last->row_to;
		}
	}
	return rc;
}

static void
print_time(const char *what, uint64_t us)
{
	char text[64];
	time_t s = (time_t)(us / 1000000);
	struct tm tm;
	if (us == 0 || gmtime_r(&s, &tm) == NULL ||
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return;
	printf("%s %s UTC\n", what, text);
}

static int
do_look(struct admin *a, bool deep)
{
	static struct look l;
	struct columns_sum columns = {0};
	uint32_t *n, count;
	struct err err;
	uint64_t rows = 0, bytes = 0, bad = 0, blocks = 0, packed = 0, min_us = 0, max_us = 0, journal = 0;
	if (segment_list(a->database, &n, &count, &err) != FT_OK) {
		fprintf(stderr, "ft-store: %s\n", err.text);
		return EXIT_SYSTEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		(void)look_at(&l, a->database, n[i], &columns, deep);
		rows += l.rows;
		bytes += l.bytes;
		bad += l.bad;
		blocks += l.blocks;
		packed += l.packed;
		journal += i + 1 == count ? l.journal_rows : 0;
		if (l.min_us && (min_us == 0 || l.min_us < min_us))
			min_us = l.min_us;
		max_us = l.max_us > max_us ? l.max_us : max_us;
	}
	free(n);
	printf("database   %s\nsegments   %u\nblocks     %llu\nslices     %llu in blocks\nbytes      %llu\n",
		a->database, count, (unsigned long long)blocks, (unsigned long long)rows,
		(unsigned long long)bytes);
	if (rows)
		printf("packed     %.1f bytes a slice\n", (double)packed / (double)rows);
	if (deep)
		printf("journal    %llu slices\n", (unsigned long long)journal);
	print_time("oldest    ", min_us);
	print_time("newest    ", max_us);
	if (!deep)
		columns_print(&columns);
	if (deep || bad)
		printf("damage     %llu found\n", (unsigned long long)bad);
	return bad ? 1 : 0;
}

/* ---- backup ------------------------------------------------------------------------------------------ */

static int
copy_file(const char *from, const char *to, struct err *err)
{
	return file_copy(from, to) == FT_OK ? FT_OK : err_sys(err, "%s can't be copied to %s", from, to);
}

/* One key's value from one environment to another, in a transaction of its own on either side. */
static int
copy_key(struct kv *from, struct kv *to, const struct segment_key *k, struct err *err)
{
	struct kv_txn *r, *w;
	struct kv_bytes v;
	int rc = main_begin(from, false, &r, err);
	if (rc != FT_OK)
		return rc;
	rc = kv_get(r, MAIN_DB, k->b, sizeof k->b, &v);
	if (rc == FT_OK && (rc = main_begin(to, true, &w, err)) == FT_OK) {
		rc = kv_put(w, MAIN_DB, k->b, sizeof k->b, v.p, v.n, err);
		if (rc == FT_OK)
			rc = kv_commit(w, err);
		else
			kv_abort(w);
	}
	kv_abort(r);
	return rc;
}

/* Blocks as they come, then what the journal holds of the block after them.  If that was sealed in between, its
 * records are gone and the loop goes on with it as a block. */
static int
backup_active(struct admin *a, uint32_t number, const char *to, struct err *err)
{
	char path[600];
	struct kv *from, *copy;
	struct segment_key k = segment_key(KEY_META, 0, 0);
	if (segment_path(path, sizeof path, a->database, number) != FT_OK)
		return err_set(err, FT_EINVAL, "%s: the path is too long", a->database);
	(void)unlink(to);
	int rc = kv_open(&from, path, 0, 0, KV_READONLY, err);
	if (rc != FT_OK)
		return rc;
	rc = kv_open(&copy, to, (size_t)8 << 30, 0, KV_CREATE, err);
	if (rc != FT_OK) {
		kv_close(from);
		return rc;
	}
	rc = copy_key(from, copy, &k, err);
	for (uint32_t block = 0, seq = 0; rc == FT_OK;) {
		k = segment_key(KEY_BLOCK, block, 0);
		rc = copy_key(from, copy, &k, err);
		if (rc == FT_OK) {
			block++;
			seq = 0;
			continue;
		}
		if (rc != FT_ENOENT)
			break;
		k = segment_key(KEY_JOURNAL, block, seq);
		rc = copy_key(from, copy, &k, err);
		if (rc == FT_OK) {
			seq++;
			continue;
		}
		if (rc == FT_ENOENT) { /* the end of the journal, or the block was sealed meanwhile */
			k = segment_key(KEY_BLOCK, block, 0);
			rc = copy_key(from, copy, &k, err);
			if (rc == FT_OK) {
				struct kv_txn *t;
				rc = main_begin(copy, true, &t, err);
				for (uint32_t s = 0; rc == FT_OK && s < seq; s++) {
					struct segment_key j = segment_key(KEY_JOURNAL, block, s);
					(void)kv_del(t, MAIN_DB, j.b, sizeof j.b, NULL);
				}
				if (rc == FT_OK)
					rc = kv_commit(t, err);
				block++;
				seq = 0;
				continue;
			}
			if (rc == FT_ENOENT)
				rc = FT_OK;
			break;
		}
	}
	kv_close(copy);
	kv_close(from);
	return rc;
}

static int
do_backup(struct admin *a)
{
	char path[600], to[700], folder[640];
	uint32_t *n, count, copied = 0;
	struct err err;
	if (a->argument == NULL) {
		usage(stderr);
		return EXIT_USAGE;
	}
	snprintf(folder, sizeof folder, "%s/segments", a->argument);
	if ((mkdir(a->argument, 0750) != 0 && errno != EEXIST) ||
		(mkdir(folder, 0750) != 0 && errno != EEXIST)) {
		fprintf(stderr, "ft-store: %s: can't make the folder: %s\n", folder, strerror(errno));
		return EXIT_SYSTEM;
	}
	int rc = segment_list(a->database, &n, &count, &err);
	for (uint32_t i = 0; rc == FT_OK && i < count; i++) {
		struct segment_state s;
		struct journal_head last;
		bool active = i + 1 == count;
		(void)segment_path(path, sizeof path, a->database, n[i]);
		snprintf(to, sizeof to, "%s/%08u.seg", folder, n[i]);
		if (active)
			(void)segment_examine(a->database, n[i], false, &s, &last);
		if (active && s.kind == SEGMENT_GOOD && !s.finished)
			rc = backup_active(a, n[i], to, &err);
		else
			rc = copy_file(path, to, &err);
		copied += rc == FT_OK;
	}
	free(n);
	snprintf(path, sizeof path, "%s/groups", a->database);
	snprintf(to, sizeof to, "%s/groups", a->argument);
	if (rc == FT_OK && access(path, R_OK) == 0)
		rc = copy_file(path, to, &err);
	if (rc != FT_OK) {
		fprintf(stderr, "ft-store: %s\n", err.text);
		return EXIT_SYSTEM;
	}
	printf("%u segments copied to %s; to use them, point databasepath there\n", copied, a->argument);
	return 0;
}

/* ---- changing the folder ------------------------------------------------------------------------------ */

/* Nobody serves it while we hold the lock. */
static int
lock_folder(struct admin *a)
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
		fprintf(stderr, "ft-store: %s is in use: stop ft-store first\n", a->database);
		close(fd);
		return -1;
	}
	return fd;
}

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

static int
do_clear(struct admin *a)
{
	char path[600], answer[16] = "";
	uint32_t *n, count;
	struct err err;
	if (segment_list(a->database, &n, &count, &err) != FT_OK) {
		fprintf(stderr, "ft-store: %s\n", err.text);
		return EXIT_SYSTEM;
	}
	int lock = lock_folder(a);
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

static int
do_attach(struct admin *a)
{
	char path[600], from[700];
	struct dirent *e;
	uint32_t number, done = 0;
	struct err err;
	DIR *d = a->argument ? opendir(a->argument) : NULL;
	if (d == NULL) {
		fprintf(stderr, "ft-store: attach needs a folder with archived segments: %s\n",
			a->argument ? strerror(errno) : "none given");
		return EXIT_USAGE;
	}
	int lock = lock_folder(a);
	while (lock >= 0 && (e = readdir(d)) != NULL) {
		if (!segment_number(e->d_name, &number) ||
			segment_path(path, sizeof path, a->database, number) != FT_OK)
			continue;
		snprintf(from, sizeof from, "%s/%s", a->argument, e->d_name);
		if (access(path, F_OK) == 0) {
			printf("segment %u is there already\n", number);
			continue;
		}
		if (link(from, path) != 0 && copy_file(from, path, &err) != FT_OK)
			fprintf(stderr, "ft-store: %s\n", err.text);
		else
			done++;
	}
	closedir(d);
	if (lock < 0)
		return 1;
	close(lock);
	printf("%u segments attached; they count for segmentcount and databasesize like all others\n", done);
	return done > 0 ? 0 : 1;
}

static int
do_detach(struct admin *a, const char *folder)
{
	char path[600], to[700];
	char *end;
	struct err err;
	unsigned long number = a->argument ? strtoul(a->argument, &end, 10) : 0;
	if (number == 0 || *end != '\0' || folder == NULL) {
		usage(stderr);
		return EXIT_USAGE;
	}
	int lock = lock_folder(a);
	if (lock < 0)
		return 1;
	(void)segment_path(path, sizeof path, a->database, (uint32_t)number);
	snprintf(to, sizeof to, "%s/%08lu.seg", folder, number);
	int rc = rename(path, to) == 0 ? FT_OK : FT_ESYS;
	if (rc != FT_OK && errno == EXDEV && (rc = copy_file(path, to, &err)) == FT_OK)
		(void)unlink(path);
	if (rc != FT_OK)
		fprintf(stderr, "ft-store: segment %lu can't be moved to %s: %s\n", number, folder,
			strerror(errno));
	close(lock);
	return rc == FT_OK ? 0 : EXIT_SYSTEM;
}

/* It goes through ft-ingest, so it is a program of its own, beside this one. */
static int
do_import(char **argv)
{
	char path[600];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	if (slash != NULL) {
		memcpy(slash + 1, "ft-import", sizeof "ft-import");
		(void)execv(path, argv + 1);
	}
	fprintf(stderr, "ft-store: ft-import can't be started: %s\n", strerror(errno));
	return EXIT_SYSTEM;
}

int
admin_main(int argc, char **argv)
{
	struct admin a = {.word = argv[1]};
	const char *file = NULL, *second = NULL;
	struct conf_problems problems = {0};
	if (strcmp(a.word, "import") == 0)
		return do_import(argv);
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			file = argv[++i];
		else if (strcmp(argv[i], "--yes") == 0)
			a.yes = true;
		else if (a.argument == NULL)
			a.argument = argv[i];
		else
			second = argv[i];
	}
	if (file == NULL) {
		usage(stderr);
		return EXIT_USAGE;
	}
	log_open("ft-store", NULL, LOG_L_CRITICAL);
	a.conf = conf_load(file, &problems);
	if (a.conf == NULL) {
		fputs(problems.text ? problems.text : "out of memory\n", stderr);
		conf_problems_free(&problems);
		return EXIT_USAGE;
	}
	conf_problems_free(&problems);
	a.database = conf_str(a.conf, CONF_storage_databasepath);
	int rc = EXIT_USAGE;
	if (strcmp(a.word, "stats") == 0)
		rc = do_look(&a, false);
	else if (strcmp(a.word, "verify") == 0)
		rc = do_look(&a, true);
	else if (strcmp(a.word, "backup") == 0)
		rc = do_backup(&a);
	else if (strcmp(a.word, "clear") == 0)
		rc = do_clear(&a);
	else if (strcmp(a.word, "attach") == 0)
		rc = do_attach(&a);
	else if (strcmp(a.word, "detach") == 0)
		rc = do_detach(&a, second);
	else
		usage(strcmp(a.word, "help") == 0 ? stdout : stderr);
	conf_free(a.conf);
	return rc;
}
