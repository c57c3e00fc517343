/* holder.c - see holder.h: /proc/net has the socket's inode, /proc/PID/fd whose it is. */
#include "common/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TCP_LISTEN = 10 };

/* inode of the socket at that port, a listening one before any other; 0: none */
static unsigned long
inode_of(const char *table, unsigned port)
{
	char line[512];
	unsigned long inode = 0;
	FILE *f = fopen(table, "re");
	while (f && fgets(line, sizeof line, f)) {
		unsigned local, state;
		unsigned long found;
		/* sl local_address remote_address st queues tr tm->when retrnsmt uid timeout inode */
		if (sscanf(line,
			    " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*d %*d %lu",
			    &local, &state, &found) == 3 &&
			local == port && (inode == 0 || state == TCP_LISTEN))
			inode = found;
	}
	if (f)
		fclose(f);
	return inode;
}

static bool
has_descriptor(const char *pid, const char *link)
{
	char path[300], to[64];
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *d = opendir(path);
	bool found = false;
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		char fd[600];
		snprintf(fd, sizeof fd, "%s/%s", path, e->d_name);
		ssize_t n = readlink(fd, to, sizeof to - 1);
		if (n > 0) {
			to[n] = 0;
			found = strcmp(to, link) == 0;
		}
	}
	if (d)
		closedir(d);
	return found;
}

void
holder_of_port(const char *protocol, unsigned port, char *out, size_t size)
{
	char link[64], path[300], name[64] = "?", table[32];
	snprintf(table, sizeof table, "/proc/net/%.8s", protocol);
	unsigned long inode = inode_of(table, port);
	snprintf(table, sizeof table, "/proc/net/%.8s6", protocol);
	if (inode == 0)
		inode = inode_of(table, port);
	out[0] = 0;
	if (inode == 0)
		return;
	snprintf(link, sizeof link, "socket:[%lu]", inode);
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!isdigit((unsigned char)e->d_name[0]) || !has_descriptor(e->d_name, link))
			continue;
		snprintf(path, sizeof path, "/proc/%.20s/comm", e->d_name);
		FILE *f = fopen(path, "re");
		if (f && fgets(name, sizeof name, f))
			name[strcspn(name, "\n")] = 0;
		if (f)
			fclose(f);
		snprintf(out, size, " (held by %s, pid %.20s)", name, e->d_name);
		break;
	}
	if (d)
		closedir(d);
}
