/*
 * shm.c - see shm.h.
 *
 * Making a segment.  It is filled in under ".<name>.new" and renamed, so that a name in the directory always
 * means a whole segment.  The maker holds an OFD lock on byte MAKING of that file: a second maker is refused,
 * and a file left by a killed one (whose lock went with it) is simply used again, so nothing piles up.
 *
 * Roles.  Bytes 0-3 of the file are locked by whoever holds the role; an open file description's lock goes
 * when the last descriptor of it does, so also on SIGKILL.  holder[] in the header only serves to name the pid.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crash.h"
#include "common/hash.h"
#include "common/shm.h"

enum { MAKING = 63, ROLES = 4 };

static int
temp_path(const struct shm *s, char *out, size_t n)
{
	const char *slash = strrchr(s->path, '/');
	int dir = (int)(slash - s->path);
	return snprintf(out, n, "%.*s/.%s.new", dir, s->path, slash + 1);
}

static bool
lock_byte(int fd, off_t byte)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

static void
unlock_byte(int fd, off_t byte)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	(void)fcntl(fd, F_OFD_SETLK, &l);
}

static bool
byte_is_locked(int fd, off_t byte)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

int
shm_dir(const char *instance, char *out, size_t out_size, struct err *err)
{
	int n = snprintf(out, out_size, "/dev/shm/flowtrove-%s", instance);
	if (n < 0 || (size_t)n >= out_size || *instance == '\0' || strchr(instance, '/') != NULL)
		return err_set(err, FT_EINVAL,
			"instance name \"%.60s\" can't be used: it must be short and hold no slash",
			instance);
	if (mkdir(out, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "can't make directory %s for shared memory", out);
	return FT_OK;
}

static int
path_of(struct shm *s, const char *dir, const char *name, struct err *err)
{
	*s = (struct shm){.fd = -1};
	int n = snprintf(s->path, sizeof s->path, "%s/%s", dir, name);
	/* ".<name>.new" must fit as well */
	if (n < 0 || (size_t)n + 5 >= sizeof s->path || *name == '\0' || strchr(name, '/') != NULL)
		return err_set(err, FT_EINVAL, "shared memory name %s/%.60s can't be used", dir, name);
	return FT_OK;
}

/* Open the temporary file and be its only maker.  The file that was opened may have been renamed into place
 * by another maker before the lock was taken; then the name leads to another file, and we look again. */
static int
open_temp(struct shm *s, const char *temp, struct err *err)
{
	for (int tries = 0; tries < 100; tries++) {
		s->fd = open(temp, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		if (s->fd < 0)
			return err_sys(err, "can't make shared memory %s", temp);
		if (!lock_byte(s->fd, MAKING)) {
			close(s->fd);
			s->fd = -1;
			return err_set(
				err, FT_EBUSY, "shared memory %s is being made by another process", s->path);
		}
		struct stat mine, named;
		if (fstat(s->fd, &mine) == 0 && stat(temp, &named) == 0 && mine.st_ino == named.st_ino)
			return FT_OK;
		close(s->fd);
		s->fd = -1;
	}
	return err_set(err, FT_EBUSY, "shared memory %s is being made by another process", s->path);
}

static void
be_born(struct shm *s)
{
	struct ft_seg_header *h = s->base;
	h->created_us = (uint64_t)wall_now().us;
	if (getrandom(&h->incarnation, sizeof h->incarnation, 0) != (ssize_t)sizeof h->incarnation)
		h->incarnation = hash_mix(hash_secret(), h->created_us ^ (uint64_t)s->fd << 56);
}

enum { HUGE_PAGE = 2 << 20 };

/* All of the file, at an address that huge pages can stand at. */
static void *
map_file(int fd, size_t size, int prot)
{
	if (size < HUGE_PAGE)
		return mmap(NULL, size, prot, MAP_SHARED, fd, 0);
	size_t span = size + HUGE_PAGE;
	uint8_t *all = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return all;
	size_t ahead = (HUGE_PAGE - (uintptr_t)all % HUGE_PAGE) % HUGE_PAGE;
	size_t mapped = (size + 4095) / 4096 * 4096;
	void *base = mmap(all + ahead, size, prot, MAP_SHARED | MAP_FIXED, fd, 0);
	if (base == MAP_FAILED) {
		(void)munmap(all, span);
		return base;
	}
	if (ahead)
		(void)munmap(all, ahead);
	(void)munmap(all + ahead + mapped, span - ahead - mapped);
	return base;
}

static int
fill_temp(struct shm *s, const struct shm_kind *kind, struct err *err)
{
	/* readers of the common group may read whatever the umask says; ring_create widens for consumers */
	if (ftruncate(s->fd, 0) != 0 || fchmod(s->fd, 0640) != 0)
		return err_sys(err, "can't make shared memory %s", s->path);
	int sys = posix_fallocate(s->fd, 0, (off_t)s->size);
	if (sys != 0) {
		errno = sys;
		return err_sys(err,
			"can't reserve %zu MB of shared memory for %s (make the file system larger, or lower "
			"peakflows, stall or conntracksize)",
			(s->size + 1048575) >> 20, s->path);
	}
	s->base = map_file(s->fd, s->size, PROT_READ | PROT_WRITE);
	if (s->base == MAP_FAILED) {
		s->base = NULL;
		return err_sys(err, "can't map shared memory %s", s->path);
	}
	struct ft_seg_header *h = s->base;
	size_t n = strlen(kind->magic);
	CHECK(n <= sizeof h->magic);
	memcpy(h->magic, kind->magic, n);
	h->version = kind->version;
	h->layout = kind->layout;
	h->size = s->size;
	be_born(s);
	return FT_OK;
}

int
shm_create(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, size_t size,
	struct err *err)
{
	char temp[sizeof s->path + 8];
	int rc = path_of(s, dir, name, err);
	if (rc != FT_OK)
		return rc;
	if (access(s->path, F_OK) == 0)
		return err_set(err, FT_EXIST, "shared memory %s exists already", s->path);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	CHECK(size >= sizeof(struct ft_seg_header));
	s->size = (size + page - 1) & ~(page - 1);
	(void)temp_path(s, temp, sizeof temp);
	rc = open_temp(s, temp, err);
	if (rc != FT_OK)
		return rc;
	rc = fill_temp(s, kind, err);
	if (rc != FT_OK) {
		(void)unlink(temp);
		shm_close(s);
	}
	return rc;
}

int
shm_publish(struct shm *s, struct err *err)
{
	char temp[sizeof s->path + 8];
	(void)temp_path(s, temp, sizeof temp);
	crash_point("shm publish before rename");
	if (renameat2(AT_FDCWD, temp, AT_FDCWD, s->path, RENAME_NOREPLACE) != 0) {
		int sys = errno;
		(void)unlink(temp);
		if (sys == EEXIST)
			return err_set(err, FT_EXIST, "shared memory %s exists already", s->path);
		errno = sys;
		return err_sys(err, "can't put shared memory %s in place", s->path);
	}
	crash_point("shm publish after rename");
	unlock_byte(s->fd, MAKING);
	return FT_OK;
}

/* " (in use by pid N)" if somebody holds a role of it */
static const char *
held_by(int fd, const struct ft_seg_header *h, char *out, size_t n)
{
	out[0] = '\0';
	for (int role = 0; role < ROLES; role++) {
		if (byte_is_locked(fd, role)) {
			(void)snprintf(out, n, " (in use by pid %u)", h->holder[role]);
			break;
		}
	}
	return out;
}

/* A layout must be the very same.  Should a minor version ever grow a slot at its end, struct shm_kind gets
 * a list of the older layouts that are accepted beside the current one. */
static int
check_header(struct shm *s, const struct shm_kind *kind, size_t file_size, struct err *err)
{
	const struct ft_seg_header *h = s->base;
	char magic[sizeof h->magic] = {0}, held[48];
	memcpy(magic, kind->magic, strnlen(kind->magic, sizeof magic));
	if (memcmp(h->magic, magic, sizeof magic) != 0)
		return err_set(err, FT_ELAYOUT,
			"%s is not a segment of this kind (magic \"%.8s\", not \"%.8s\")%s; if it is "
			"Flowtrove's, "
			"run `ft-ctl drain` with the version that made it, else remove the file",
			s->path, h->magic, magic, held_by(s->fd, h, held, sizeof held));
	if (h->version != kind->version || h->layout != kind->layout)
		return err_set(err, FT_ELAYOUT,
			"%s was made by another build of Flowtrove (version %u.%u layout %08x, this one has "
			"%u.%u "
			"%08x)%s and may still hold flows; run `ft-ctl drain` with that build, then start "
			"again",
			s->path, h->version >> 16, h->version & 0xffff, h->layout, kind->version >> 16,
			kind->version & 0xffff, kind->layout, held_by(s->fd, h, held, sizeof held));
	if (h->size != file_size)
		return err_set(err, FT_EFORMAT,
			"%s is damaged: it says it has %llu bytes and has %zu; what it held is lost, remove "
			"the file "
			"and start again",
			s->path, (unsigned long long)h->size, file_size);
	return FT_OK;
}

static int
open_existing(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, bool write,
	struct err *err)
{
	int rc = path_of(s, dir, name, err);
	if (rc != FT_OK)
		return rc;
	s->fd = open(s->path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (s->fd < 0) {
		if (errno == ENOENT)
			return err_set(err, FT_ENOENT,
				"there is no shared memory %s (its owner has not started yet)", s->path);
		return err_sys(err, "can't open shared memory %s", s->path);
	}
	struct stat st;
	if (fstat(s->fd, &st) != 0) {
		rc = err_sys(err, "can't look at shared memory %s", s->path);
		goto fail;
	}
	if ((size_t)st.st_size < sizeof(struct ft_seg_header)) {
		rc = err_set(err, FT_ELAYOUT,
			"%s is too short to be shared memory of Flowtrove; remove the file", s->path);
		goto fail;
	}
	s->size = (size_t)st.st_size;
	s->base = map_file(s->fd, s->size, PROT_READ | (write ? PROT_WRITE : 0));
	if (s->base == MAP_FAILED) {
		s->base = NULL;
		rc = err_sys(err, "can't map shared memory %s", s->path);
		goto fail;
	}
	rc = check_header(s, kind, s->size, err);
	if (rc == FT_OK)
		return FT_OK;
fail:
	shm_close(s);
	return rc;
}

int
shm_open_rw(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, struct err *err)
{
	return open_existing(s, dir, name, kind, true, err);
}

int
shm_open_ro(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, struct err *err)
{
	return open_existing(s, dir, name, kind, false, err);
}

int
shm_open_or_create(struct shm *s, const char *dir, const char *name, const struct shm_kind *kind, size_t size,
	bool *made, struct err *err)
{
	/* between "not there" and "exists" another maker may come and go: look a second time */
	for (int tries = 0;; tries++) {
		*made = false;
		int rc = shm_open_rw(s, dir, name, kind, err);
		if (rc != FT_ENOENT)
			return rc;
		*made = true;
		rc = shm_create(s, dir, name, kind, size, err);
		if (rc != FT_EXIST || tries == 3)
			return rc;
	}
}

int
shm_hold(struct shm *s, unsigned role, struct err *err)
{
	CHECK(role < ROLES && s->base != NULL);
	struct ft_seg_header *h = s->base;
	if (!lock_byte(s->fd, (off_t)role)) {
		if (errno != EAGAIN && errno != EACCES)
			return err_sys(err, "can't lock shared memory %s", s->path);
		return err_set(err, FT_EBUSY,
			"%s is in use by pid %u; stop that process first (two of one kind can't share it)",
			s->path, h->holder[role]);
	}
	h->holder[role] = (uint32_t)getpid();
	return FT_OK;
}

int
shm_remove(const char *dir, const char *name)
{
	struct shm s;
	if (path_of(&s, dir, name, NULL) != FT_OK)
		return FT_EINVAL;
	crash_point("shm before unlink");
	if (unlink(s.path) != 0)
		return errno == ENOENT ? FT_ENOENT : FT_ESYS;
	crash_point("shm after unlink");
	return FT_OK;
}

int
shm_hide(struct shm *s, const char *spare, struct err *err)
{
	const char *slash = strrchr(s->path, '/');
	char to[sizeof s->path + 16];
	int n = snprintf(to, sizeof to, "%.*s/.%s", (int)(slash - s->path), s->path, spare);
	if (n < 0 || (size_t)n >= sizeof s->path)
		return err_set(err, FT_EINVAL, "shared memory name %.60s can't be used", spare);
	crash_point("shm before hiding");
	if (rename(s->path, to) != 0)
		return err_sys(err, "can't put shared memory %s aside", s->path);
	crash_point("shm after hiding");
	memcpy(s->path, to, (size_t)n + 1);
	return FT_OK;
}

/* The kernel counts who has a file open, mappings included, and a killed process counts no more.  It gives a write
 * lease only to one who is alone, and makes everyone wait who opens the file while the lease stands: also one who had
 * found the old name and is on the way.  The signal that tells of such a one is by default fatal (SIGIO), so
 * another is asked for that is by default ignored; it has to be asked for each time. */
bool
shm_claim(struct shm *s)
{
	return s->base != NULL && fcntl(s->fd, F_SETSIG, SIGURG) == 0 &&
	       fcntl(s->fd, F_SETLEASE, F_WRLCK) == 0;
}

int
shm_show(struct shm *s, const char *dir, const char *name, struct err *err)
{
	struct shm to;
	int rc = path_of(&to, dir, name, err);
	if (rc != FT_OK)
		return rc;
	be_born(s);
	crash_point("shm before showing");
	if (renameat2(AT_FDCWD, s->path, AT_FDCWD, to.path, RENAME_NOREPLACE) != 0)
		return errno == EEXIST ? err_set(err, FT_EXIST, "shared memory %s exists already", to.path)
				       : err_sys(err, "can't put shared memory %s in place", to.path);
	crash_point("shm after showing");
	memcpy(s->path, to.path, sizeof s->path);
	(void)fcntl(s->fd, F_SETLEASE, F_UNLCK);
	return FT_OK;
}

void
shm_close(struct shm *s)
{
	if (s->base != NULL) {
		(void)munmap(s->base, s->size);
		close(s->fd);
	} else if (s->path[0] != '\0' && s->fd >= 0) {
		close(s->fd);
	}
	s->base = NULL;
	s->size = 0;
	s->fd = -1;
}

void
shm_map_now(const struct shm *s)
{
#ifdef MADV_POPULATE_WRITE
	(void)madvise(s->base, s->size, MADV_POPULATE_WRITE);
#ifndef MADV_COLLAPSE
	enum { MADV_COLLAPSE = 25 }; /* Linux 6.1; Debian 12's headers do not have it */
#endif
	(void)madvise(s->base, s->size, MADV_COLLAPSE);
#else
	(void)s;
#endif
}
