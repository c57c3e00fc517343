/*
 * ft-sockets - holds a second reference to the sockets of ft-ingest, so that a restart of ft-ingest loses
 * neither a socket's queue nor what arrives meanwhile (spec: the kernel frees a queue with its last owner and
 * counts nothing).  For use under runit; under systemd its descriptor store does this.
 *
 * Owns: nothing but descriptors.  Must never read from them.
 * Protocol at rundir/sockets.keep (SOCK_SEQPACKET): on connect it sends each kept descriptor as a message "name"
 * with one SCM_RIGHTS descriptor, then an empty message (one NUL byte has no place here: a zero-length packet).
 * Afterwards a message "name" with a descriptor keeps it (an earlier one of that name is closed), and a message "-name"
 * drops one.  Sockets go with this process: its service is stopped last.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"

enum { NAME_MAX_ = 96, PEERS_MAX = 8 };

static struct {
	char name[NAME_MAX_];
	int fd;
} kept[PROC_KEPT_MAX];
static unsigned n_kept;

static void
drop(unsigned i)
{
	close(kept[i].fd);
	kept[i] = kept[--n_kept];
}

static void
keep(const char *name, int fd)
{
	for (unsigned i = 0; i < n_kept; i++)
		if (strcmp(kept[i].name, name) == 0) {
			drop(i);
			break;
		}
	if (n_kept == PROC_KEPT_MAX) {
		log_limited(LOG_L_CRITICAL, "more than %d sockets: %s is not kept", PROC_KEPT_MAX, name);
		close(fd);
		return;
	}
	snprintf(kept[n_kept].name, NAME_MAX_, "%s", name);
	kept[n_kept++].fd = fd;
	log_medium("keeping %s", name);
}

static int
send_one(int peer, const char *name, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)name, strlen(name)};
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		m.msg_control = c.room;
		m.msg_controllen = sizeof c.room;
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	return sendmsg(peer, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void
greet(int peer)
{
	for (unsigned i = 0; i < n_kept; i++)
		if (send_one(peer, kept[i].name, kept[i].fd) != 0)
			return;
	(void)send_one(peer, "", -1);
}

/* false: the peer has gone */
static bool
take(int peer)
{
	char name[NAME_MAX_];
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	struct iovec iov = {name, sizeof name - 1};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof c.room};
	ssize_t n = recvmsg(peer, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fd = -1;
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	name[n] = 0;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(h), sizeof fd);
	if (fd >= 0) {
		keep(name, fd);
		return true;
	}
	for (unsigned i = 0; name[0] == '-' && i < n_kept; i++)
		if (strcmp(kept[i].name, name + 1) == 0) {
			drop(i);
			break;
		}
	return true;
}

static int
listen_at(const struct proc *p, struct err *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/sockets.keep", conf_str(p->conf, CONF_rundir));
	if (n < 0 || (size_t)n >= sizeof at.sun_path)
		return err_set(err, FT_EINVAL, "rundir %s is too long for a socket's path",
			conf_str(p->conf, CONF_rundir));
	(void)unlink(at.sun_path); /* of an earlier life */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0)
		return err_sys(err, "%s: can't listen", at.sun_path);
	(void)chmod(at.sun_path, 0600); /* only the user of ft-ingest may have the sockets */
	return fd;
}

int
main(int argc, char **argv)
{
	struct proc p = {0};
	struct err err = {0};
	struct pollfd at[2 + PEERS_MAX];
	unsigned peers = 0;
	if (proc_start(&p, "ft-sockets", argc, argv) != 0)
		return p.exit_code;
	proc_raise_files();
	int door = listen_at(&p, &err);
	if (door < 0)
		return proc_fail(&p, &err);
	proc_ready(&p);
	at[0] = (struct pollfd){door, POLLIN, 0};
	at[1] = (struct pollfd){p.wake_fd, POLLIN, 0};
	while (proc_running(&p)) {
		if (poll(at, 2 + peers, 250) < 0 && errno != EINTR)
			break;
		for (unsigned i = 0; i < peers;) {
			if (at[2 + i].revents && !take(at[2 + i].fd)) {
				close(at[2 + i].fd);
				at[2 + i] = at[2 + --peers];
			} else
				i++;
		}
		int peer = at[0].revents && peers < PEERS_MAX ? accept(door, NULL, NULL) : -1;
		if (peer >= 0) {
			at[2 + peers++] = (struct pollfd){peer, POLLIN, 0};
			greet(peer);
		}
		proc_turn(&p, (span_t){0});
	}
	return proc_stop(&p);
}
