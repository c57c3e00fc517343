/*
 * ft-ctl - how is it?  status, waiting until all is ready, draining the rings.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"
#include "common/shm.h"

enum { EXIT_USAGE_ = 2, LOOK_MS = 25 };

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: ft-ctl status [-c FILE] [-j]     the whole system, in words or as JSON; ends with 1 "
		"if not ready\n"
		"       ft-ctl wait [-c FILE] [SECONDS]  returns when every daemon is ready (default 60)\n"
		"       ft-ctl drain [-c FILE]           empties the rings and removes them, before an "
		"upgrade that\n"
		"                                        changes their layout, or a change of "
		"trackerthreads\n"
		"       ft-ctl switches …                devices spoken to by SNMP: ft-ctl switches -h\n"
		"       ft-ctl --version\n"
		"  -c FILE  configuration (default /etc/flowtrove/flowtrove.conf)\n");
}

static int
status(const struct conf *c, const char *shm, bool json)
{
	json_t *s = ctl_status(c, shm, (span_t){500000});
	int rc = json_is_true(json_object_get(s, "ready")) ? 0 : 1;
	if (json) {
		json_dumpf(s, stdout, JSON_INDENT(1));
		putchar('\n');
	} else
		ctl_print(stdout, s);
	json_decref(s);
	return rc;
}

static int
wait_ready(const char *shm, long seconds)
{
	mono_t end = mono_after(mono_now(), span_seconds(seconds));
	while (!ctl_all_ready(shm)) {
		if (mono_now().ns > end.ns) {
			for (unsigned i = 0; i < CTL_NEEDED; i++)
				if (strcmp(ctl_state(shm, ctl_daemons[i]), "ready") != 0)
					fprintf(stderr, "ft-ctl: ft-%s is %s\n", ctl_daemons[i],
						ctl_state(shm, ctl_daemons[i]));
			return 1;
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

static int
run(const char *verb, const struct conf *c, bool json, long seconds)
{
	char shm[200];
	struct err err = {0};
	if (shm_dir(conf_str(c, CONF_instance), shm, sizeof shm, &err) != 0) {
		fprintf(stderr, "ft-ctl: %s\n", err.text);
		return 1;
	}
	if (strcmp(verb, "status") == 0)
		return status(c, shm, json);
	if (strcmp(verb, "wait") == 0)
		return wait_ready(shm, seconds);
	if (ctl_drain(c, shm, stdout, &err) != 0) {
		fprintf(stderr, "ft-ctl: %s\n", err.text);
		return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "", *file = "/etc/flowtrove/flowtrove.conf";
	bool json = false,
	     good = strcmp(verb, "status") == 0 || strcmp(verb, "wait") == 0 || strcmp(verb, "drain") == 0;
	long seconds = 60;
	char *end = NULL;
	if (strcmp(verb, "switches") == 0)
		return ctl_switches(argc - 2, argv + 2);
	if (strcmp(verb, "--version") == 0) {
		printf("ft-ctl %s\n", FT_VERSION);
		return 0;
	}
	if (strcmp(verb, "-h") == 0 || strcmp(verb, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	for (int i = 2; good && i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			file = argv[++i];
		else if (strcmp(argv[i], "-j") == 0 && strcmp(verb, "status") == 0)
			json = true;
		else
			good = strcmp(verb, "wait") == 0 && (seconds = strtol(argv[i], &end, 10)) >= 0 &&
			       end != argv[i] && *end == 0;
	}
	if (!good) {
		usage(stderr);
		return EXIT_USAGE_;
	}
	struct conf_problems problems;
	struct conf *c = conf_load(file, &problems);
	if (problems.errors)
		fputs(problems.text, stderr);
	conf_problems_free(&problems);
	if (c == NULL)
		return EXIT_USAGE_;
	int rc = run(verb, c, json, seconds);
	conf_free(c);
	return rc;
}
