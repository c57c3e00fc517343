/*
 * shm.h - shared-memory segments: made whole, renamed into place, refused in words when they are foreign.
 * See contract/abi.h for what a segment is.
 */
#ifndef FT_SHM_H
#define FT_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/contract/abi.h"
#include "common/err.h"

struct shm_kind {
	const char *magic; /* at most 8 characters */
	uint32_t version;
	uint32_t layout;
};

struct shm {
	void *base; /* NULL: not mapped */
	size_t size;
	int fd;
	char path[240];
};

/* The directory of an instance: "/dev/shm/flowtrove-<instance>", made 0750 if absent. */
int shm_dir(const char *instance, char *out, size_t out_size, struct err *err);

/* Make a segment of `size` bytes (rounded up to pages), zeroed, allocated, header filled in; it is visible
 * under its name only when shm_publish() is called.  FT_EXIST if the name is taken. */
int shm_create(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, size_t size,
	struct err *err);
int shm_publish(struct shm *s, struct err *err);

/* Map an existing one.  FT_ENOENT: not there; FT_ELAYOUT: foreign (err says what and what to do). */
int shm_open_rw(
	struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, struct err *err);
int shm_open_ro(
	struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, struct err *err);

/* Open it, or make it if absent.  *made says which; a made one must be filled in and then published. */
int shm_open_or_create(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind,
	size_t size, bool *made, struct err *err);

/* Take role 0-3 of the segment for as long as it is mapped (OFD lock).  FT_EBUSY names the holder's pid. */
int shm_hold(struct shm *s, unsigned role, struct err *err);

/* Take the name away; who has it mapped keeps it.  FT_ENOENT: there is none.  (libc has a shm_unlink.) */
int shm_remove(const char *dir, const char *name);

/* A segment's memory for the next segment of its kind, so that its pages need not be freed, found and cleared again.
 * shm_hide takes it out of sight under the hidden name `spare` (one that is there already goes); whoever has it mapped
 * keeps it.  shm_claim is true if the caller's is the only open file or mapping there is of it, and keeps all
 * others out (an open() waits) until shm_show, which puts it in place as a new incarnation under another name
 * (FT_EXIST: the name is taken), or until it is closed.  Between the two it is the caller's to fill in. */
int shm_hide(struct shm *s, const char *spare, struct err *err);
bool shm_claim(struct shm *s);
int shm_show(struct shm *s, const char *dir, const char *name, struct err *err);

void shm_close(struct shm *s); /* unmaps, drops the lock; safe on a zeroed struct */

/* Map all of it now and not page by page when data comes: the memory is there already, a page's first touch still
 * costs what decoding ten flows does.  In huge pages, since it is reached at random.  Hints: kernels before 5.14 and 6.1 do
 * not know them. */
void shm_map_now(const struct shm *s);

static inline struct ft_seg_header *
shm_header(const struct shm *s)
{
	return s->base;
}

#endif
