/* epoch.c - see epoch.h */
#include "tracker/epoch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crash.h"

enum { PATH = 600, EPOCH_MOST = 65535 };

/* 0 if there is no file yet */
static int
read_epoch(const char *path, uint32_t *epoch, struct err *err)
{
	char text[32] = {0}, *end;
	*epoch = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? FT_OK : err_sys(err, "can't read %s", path);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return err_sys(err, "can't read %s", path);
	unsigned long v = strtoul(text, &end, 10);
	if (end == text || (*end != '\n' && *end != 0) || v > EPOCH_MOST)
		return err_set(err, FT_EFORMAT,
			"%s does not hold a number from 0 to 65535; write one into it that is higher than "
			"any it held before",
			path);
	*epoch = (uint32_t)v;
	return FT_OK;
}

static int
sync_folder(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "can't open folder %s", path);
	int rc = fsync(fd) == 0 ? FT_OK : err_sys(err, "can't sync folder %s", path);
	close(fd);
	return rc;
}

static int
write_epoch(const char *temp, uint32_t epoch, struct err *err)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%u\n", epoch), rc = FT_OK;
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_sys(err, "can't write %s", temp);
	crash_point("epoch before write");
	if (write(fd, text, (size_t)n) != n || fsync(fd) != 0)
		rc = err_sys(err, "can't write %s", temp);
	crash_point("epoch after fsync");
	close(fd);
	return rc;
}

int
epoch_next(const char *statedir, uint32_t *epoch, struct err *err)
{
	char path[PATH], temp[PATH];
	int a = snprintf(path, sizeof path, "%s/tracker.epoch", statedir);
	int b = snprintf(temp, sizeof temp, "%s/tracker.epoch.new", statedir);
	if (a >= PATH || b >= PATH)
		return err_set(err, FT_EINVAL, "statedir %s: the path is too long", statedir);
	if (mkdir(statedir, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "can't make statedir %s", statedir);
	int rc = read_epoch(path, epoch, err);
	if (rc != FT_OK)
		return rc;
	*epoch = *epoch >= EPOCH_MOST ? 1 : *epoch + 1;
	rc = write_epoch(temp, *epoch, err);
	if (rc != FT_OK)
		return rc;
	crash_point("epoch before rename");
	if (rename(temp, path) != 0)
		return err_sys(err, "can't put %s in place", path);
	crash_point("epoch after rename");
	return sync_folder(statedir, err);
}
