/*
 * admin.c - see admin.h.  stats, verify and backup read beside a running ft-store and disturb nothing: sealed
 * segments are copied as files, the active one record by record in short transactions.  What changes the folder: change.c.
 */
#include "store/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/log.h"
#include "common/segment_file.h"
#include "store/journal.h"
#include "store/look.h"
#include "store/serve.h"
#include "store/store.h"
#include "store/trim.h"

static void
usage(FILE *to)
{
	fputs("usage: ft-store -c FILE [-f]                      store what ft-tracker sends\n"
	      "       ft-store stats  -c FILE                    what the database holds\n"
	      "       ft-store verify -c FILE                    read everything, compare checksums\n"
	      "       ft-store backup DIR -c FILE                copy the database while it runs\n"
	      "       ft-store attach DIR -c FILE                let archived segments answer again\n"
	      "       ft-store repair [DIR] -c FILE              write damaged segments anew, from a backup "
	      "in "
	      "DIR if there is one\n"
	      "       ft-store detach NUMBER DIR -c FILE         move a segment out to DIR (ft-store "
	      "stopped)\n"
	      "       ft-store clear [--yes] -c FILE             remove all sessions (asks; ft-store "
	      "stopped)\n"
	      "       ft-store import ...                        what nfdump has kept, as CSV: ft-import "
	      "-h\n",
		to);
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
		(void)look_open(&l, a->database, n[i], &columns, deep, false);
		look_close(&l);
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

void
admin_usage_error(void)
{
	usage(stderr);
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
	segment_unlock(a->argument, number); /* of the copy */
	return rc;
}

static int
do_backup(struct admin *a)
{
	char path[600], to[700], folder[640];
	uint32_t *n, count, copied = 0;
	struct err err;
	if (a->argument == NULL) {
		admin_usage_error();
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
		admin_usage_error();
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
		rc = change_clear(&a);
	else if (strcmp(a.word, "attach") == 0)
		rc = change_attach(&a);
	else if (strcmp(a.word, "repair") == 0)
		rc = repair(&a);
	else if (strcmp(a.word, "detach") == 0)
		rc = change_detach(&a, second);
	else
		usage(strcmp(a.word, "help") == 0 ? stdout : stderr);
	conf_free(a.conf);
	return rc;
}
