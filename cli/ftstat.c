/* ftstat.c - rankings: asks the server for a view and prints it as a table, CSV, JSON or picture. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/view.h"

static json_t *
request(const struct options *o)
{
	json_t *r = json_pack("{s:s, s:s, s:s, s:s}", "op", "stat", "group_by", o->entity, "count_by",
		o->count, "direction",
		o->sent       ? "sent"
		: o->received ? "received"
			      : "total");
	if (o->rows > 0)
		json_object_set_new(r, "rows", json_integer(o->rows));
	int64_t slots = o->slots ? o->slots : o->picture ? 120 : 0;
	if (slots)
		json_object_set_new(r, "slots", json_integer(slots));
	client_selection(o, r);
	return r;
}

static bool
picture_name_good(const char *name)
{
	const char *end = strrchr(name, '.');
	return end && (strcasecmp(end, ".tga") == 0 || strcasecmp(end, ".png") == 0 ||
			      strcasecmp(end, ".svg") == 0 || strcasecmp(end, ".pdf") == 0);
}

/* ft-chart lies beside this program; it takes the view on its standard input */
static int
draw(const struct options *o, const json_t *view)
{
	char path[4096] = "", width[24], height[24];
	int fd[2], status = 0;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
	char *slash = n > 0 ? strrchr(path, '/') : NULL;
	char *name = slash ? slash + 1 : path;
	snprintf(name, (size_t)(path + sizeof path - name), "ft-chart");
	snprintf(width, sizeof width, "%lld", (long long)o->width);
	snprintf(height, sizeof height, "%lld", (long long)o->height);
	fflush(stdout);
	pid_t child = pipe2(fd, O_CLOEXEC) == 0 ? fork() : -1;
	if (child < 0) {
		perror("ftstat: can't start ft-chart");
		return EXIT_FAILED;
	}
	if (child == 0) {
		dup2(fd[0], STDIN_FILENO);
		execlp(path, "ft-chart", o->picture, width, height, (char *)NULL);
		fprintf(stderr, "ftstat: %s, which draws pictures: %s\n", path, strerror(errno));
		_exit(EXIT_FAILED);
	}
	close(fd[0]);
	signal(SIGPIPE, SIG_IGN);
	FILE *to = fdopen(fd[1], "w");
	if (to != NULL) {
		json_dumpf(view, to, JSON_COMPACT);
		fclose(to);
	} else
		close(fd[1]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int
show(const struct options *o, const json_t *view)
{
	int rc = EXIT_GOOD;
	if (o->output == OUT_JSON) {
		json_dumpf(view, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (o->output == OUT_TABLE)
		view_table(o, view, stdout);
	else
		view_csv(view, o->output == OUT_CSV_HEAD, stdout);
	if (o->picture)
		rc = draw(o, view);
	view_remarks(o, view);
	if (fflush(stdout) != 0) {
		perror("ftstat: standard output");
		rc = EXIT_FAILED;
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct client *c;
	json_t *reply = NULL;
	signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends us quietly */
	int rc = options_parse(&o, "ftstat", argc, argv);
	if (rc >= 0) {
		options_free(&o);
		return rc;
	}
	if (o.picture && !picture_name_good(o.picture))
		return options_wrong(&o, "-g %s: the name must end in .tga, .png, .svg or .pdf", o.picture);
	rc = client_open(&c, &o);
	if (rc != 0)
		return rc;
	if (o.alerts)
		rc = client_alerts(c, &o);
	else if (o.entity) {
		rc = client_ask(c, request(&o), NULL, NULL, &reply);
		if (rc == 0)
			rc = show(&o, json_object_get(reply, "view"));
		json_decref(reply);
	}
	client_close(c);
	options_free(&o);
	return rc;
}
