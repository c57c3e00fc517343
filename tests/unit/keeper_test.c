/* ft-sockets: a socket and what is queued in it outlive the process that gave it away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/proc.h"
#include "common/shm.h"

static char dir[] = "/tmp/keeper-test.XXXXXX";
static char conf[64], instance[32];
static pid_t keeper;

static int
start_keeper(void)
{
	keeper = fork();
	if (keeper == 0) {
		execl(FT_SOCKETS_BIN, "ft-sockets", "-c", conf, "-f", NULL);
		_exit(127);
	}
	return keeper < 0 ? -1 : 0;
}

static int
begin(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(conf, sizeof conf, "%s/flowtrove.conf", dir);
	snprintf(instance, sizeof instance, "keeper-test-%d", (int)getpid());
	FILE *f = fopen(conf, "w");
	if (f == NULL)
		return -1;
	fprintf(f, "instance %s\nrundir %s\n", instance, dir);
	fclose(f);
	return start_keeper();
}

static int
end(void **state)
{
	char path[300];
	struct err err;
	int status = 0;
	(void)state;
	kill(keeper, SIGTERM);
	waitpid(keeper, &status, 0);
	static const char *const files[] = {
		"flowtrove.conf", "sockets.keep", "sockets.ctl", "ingest.ctl", "ingest.pid"};
	for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	if (shm_dir(instance, path, sizeof path, &err) == 0) {
		(void)shm_remove(path, "counters.sockets");
		(void)shm_remove(path, "counters.ingest");
		rmdir(path);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* A life of an ingest: 0 if all went well.  The first one makes the socket and dies by SIGKILL; the second one finds
 * the socket and what came in between. */
static int
first_life(int report)
{
	struct proc p = {0};
	char *argv[] = {"ft-ingest", "-c", conf, NULL};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	if (proc_start(&p, "ft-ingest", 3, argv) != 0)
		return 1;
	if (proc_kept_fd("udp:127.0.0.1:0") >= 0)
		return 2;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		return 3;
	if (proc_keep_fd("udp:127.0.0.1:0", fd) != 0)
		return 4;
	if (write(report, &at, sizeof at) != sizeof at)
		return 5;
	(void)pause();
	return 6;
}

static int
second_life(void)
{
	struct proc p = {0};
	char *argv[] = {"ft-ingest", "-c", conf, NULL}, word[16] = "";
	if (proc_start(&p, "ft-ingest", 3, argv) != 0)
		return 1;
	int fd = proc_kept_fd("udp:127.0.0.1:0");
	if (fd < 0)
		return 2;
	if (recv(fd, word, sizeof word, MSG_DONTWAIT) != 5 || strcmp(word, "early") != 0)
		return 3;
	if (recv(fd, word, sizeof word, MSG_DONTWAIT) != 5 || strcmp(word, "later") != 0)
		return 4;
	return proc_stop(&p);
}

static void
a_socket_and_its_queue_outlive_a_kill(void **state)
{
	(void)state;
	int report[2], status;
	struct sockaddr_in at;
	assert_int_equal(pipe(report), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(first_life(report[1]));
	close(report[1]);
	assert_int_equal(read(report[0], &at, sizeof at), sizeof at);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(s, "early", 5, 0, (struct sockaddr *)&at, sizeof at), 5);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(sendto(s, "later", 5, 0, (struct sockaddr *)&at, sizeof at), 5);
	pid = fork();
	if (pid == 0)
		_exit(second_life());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(s);
	close(report[0]);
}

/* does the keeper hand a socket of this name out? */
static bool
keeper_has(const char *name)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char got[100];
	bool has = false;
	ssize_t n;
	snprintf(to.sun_path, sizeof to.sun_path, "%s/sockets.keep", dir);
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(s, (struct sockaddr *)&to, sizeof to) == 0)
		while ((n = recv(s, got, sizeof got, 0)) >
			0) /* the descriptor is not taken: closed with the message */
			has |= (size_t)n == strlen(name) && memcmp(got, name, strlen(name)) == 0;
	close(s);
	return has;
}

static void
a_new_keeper_is_given_what_the_old_one_had(void **state)
{
	(void)state;
	int report[2], status;
	char byte = 0;
	assert_int_equal(pipe(report), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct proc p = {0};
		char *argv[] = {"ft-ingest", "-c", conf, NULL};
		if (proc_start(&p, "ft-ingest", 3, argv) != 0 ||
			proc_keep_fd("udp:test:7", socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) != 0 ||
			write(report[1], &byte, 1) != 1)
			_exit(1);
		while (proc_running(&p))
			proc_turn(&p, (span_t){20000});
		_exit(proc_stop(&p));
	}
	assert_int_equal(read(report[0], &byte, 1), 1);
	kill(keeper, SIGKILL);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_int_equal(start_keeper(), 0);
	for (unsigned i = 0; !keeper_has("udp:test:7"); i++) {
		assert_true(i < 1000);
		(void)poll(NULL, 0, 10);
	}
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(report[0]);
	close(report[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_socket_and_its_queue_outlive_a_kill),
		cmocka_unit_test(a_new_keeper_is_given_what_the_old_one_had)};
	return cmocka_run_group_tests(tests, begin, end);
}
