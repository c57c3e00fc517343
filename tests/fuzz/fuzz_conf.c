/* Any bytes as flowtrove.conf: it is taken, or refused with at least one problem that names a line. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct conf_problems problems;
	if (fd < 0) {
		fd = memfd_create("conf", MFD_CLOEXEC);
		CHECK(fd >= 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	struct conf *c = conf_load(path, &problems);
	CHECK((c == NULL) == (problems.errors > 0));
	CHECK(problems.errors == 0 || strchr(problems.text, '\n') != NULL);
	for (unsigned i = 0; c && i < CONF_KEYS; i++)
		CHECK(conf_str(c, i) != NULL);
	conf_problems_free(&problems);
	conf_free(c);
	return 0;
}
