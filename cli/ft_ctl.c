/*
 * ft-ctl - how is it?  status, exporters and their settings, waiting until all is ready, draining the rings.
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
		"       ft-ctl exporters [-c FILE] [-j]  every exporter: state, figures, sampling, clock\n"
		"       ft-ctl exporters NAME            one exporter, by name or address, with all that is "
		"known\n"
		"       ft-ctl exporters NAME --elements   the information elements it sends, what becomes "
		"of "
		"them,\n"
		"                                        how often, samples (also: ft-ctl elements NAME)\n"
		"       ft-ctl exporters set NAME SETTING...\n"
		"                sampling N|none         1 in N, whatever the exporter says\n"
		"                if INDEX sampling N|none   the same for one interface\n"
		"                clock auto|trust|arrival   corrected if wrong, never, or times count from "
		"arrival\n"
		"                name TEXT|none          what it is called\n"
		"                tags WORDS|none         words to find it by\n"
		"       ft-ctl exporters disable NAME    its flows are counted and not stored\n"
		"       ft-ctl exporters enable NAME     they are stored again\n"
		"       ft-ctl exporters forget NAME     settings, templates, names and figures are dropped\n"
		"       ft-ctl switches …                devices spoken to by SNMP: ft-ctl switches -h\n"
		"       ft-ctl interfaces …              names and roles of exporters' interfaces (ft-ctl "
		"interfaces -h)\n"
		"       ft-ctl --version\n"
		"  -c FILE  configuration (default /etc/flowtrove/flowtrove.conf)\n");
}

static int
status(const struct conf *c, const char *shm, bool json)
{
	bool proxy = ctl_proxy(c);
	json_t *s = proxy ? ctl_proxy_status(c, shm) : ctl_status(c, shm, (span_t){500000});
	int rc = json_is_true(json_object_get(s, "ready")) ? 0 : 1;
	if (json) {
		json_dumpf(s, stdout, JSON_INDENT(1));
		putchar('\n');
	} else
		(proxy ? ctl_proxy_print : ctl_print)(stdout, s);
	json_decref(s);
	return rc;
}

static int
wait_ready(const struct conf *c, const char *shm, long seconds)
{
	mono_t end = mono_after(mono_now(), span_seconds(seconds));
	bool proxy = ctl_proxy(c);
	while (proxy ? strcmp(ctl_state(shm, "proxy"), "ready") != 0 : !ctl_all_ready(shm)) {
		if (mono_now().ns > end.ns && proxy) {
			fprintf(stderr, "ft-ctl: ft-proxy is %s\n", ctl_state(shm, "proxy"));
			return 1;
		}
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

/* what the command line asks for */
struct wish {
	const char *verb, *file;
	bool json;
	long seconds;
	bool elements;
	int words; /* what is no option */
	char *word[64];
};

static int
failed(const struct err *err)
{
	fprintf(stderr, "ft-ctl: %s\n", err->text);
	return err->code == FT_EINVAL ? EXIT_USAGE_ : 1;
}

static int
run(const struct wish *w, const struct conf *c, json_t *request)
{
	char shm[200];
	struct err err = {0};
	int rc = shm_dir(conf_str(c, CONF_instance), shm, sizeof shm, &err);
	if (rc == 0 && strcmp(w->verb, "status") == 0)
		return status(c, shm, w->json);
	if (rc == 0 && strcmp(w->verb, "wait") == 0)
		return wait_ready(c, shm, w->seconds);
	if (rc == 0 && w->elements)
		rc = ctl_elements(c, w->word[0], w->json, stdout, &err);
	else if (rc == 0 && request)
		rc = ctl_exporters(c, request, w->json, stdout, &err);
	else if (rc == 0)
		rc = ctl_drain(c, shm, stdout, &err);
	return rc ? failed(&err) : 0;
}

static bool
parse(struct wish *w, int argc, char **argv)
{
	char *end;
	*w = (struct wish){
		.verb = argc > 1 ? argv[1] : "", .file = "/etc/flowtrove/flowtrove.conf", .seconds = 60};
	bool status_ = strcmp(w->verb, "status") == 0, exporters = strcmp(w->verb, "exporters") == 0;
	bool wait_ = strcmp(w->verb, "wait") == 0;
	w->elements = strcmp(w->verb, "elements") == 0;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			w->file = argv[++i];
		else if (strcmp(argv[i], "-j") == 0 && (status_ || exporters || w->elements))
			w->json = true;
		else if (strcmp(argv[i], "--elements") == 0 && exporters)
			w->elements = true;
		else if (w->words < 64)
			w->word[w->words++] = argv[i];
	}
	if (wait_ && w->words == 1) {
		w->seconds = strtol(w->word[0], &end, 10);
		return w->seconds >= 0 && end != w->word[0] && *end == 0;
	}
	if (w->elements)
		return w->words == 1;
	return exporters || (w->words == 0 && (status_ || wait_ || strcmp(w->verb, "drain") == 0));
}

int
main(int argc, char **argv)
{
	struct wish w;
	struct err err = {0};
	if (argc > 1 && strcmp(argv[1], "switches") == 0)
		return ctl_switches(argc - 2, argv + 2);
	if (argc > 1 && strcmp(argv[1], "interfaces") == 0)
		return ctl_interfaces(argc, argv, stdout);
	bool good = parse(&w, argc, argv);
	json_t *request = NULL;
	if (strcmp(w.verb, "--version") == 0) {
		printf("ft-ctl %s\n", FT_VERSION);
		return 0;
	}
	if (strcmp(w.verb, "-h") == 0 || strcmp(w.verb, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (!good) {
		usage(stderr);
		return EXIT_USAGE_;
	}
	if (!w.elements && strcmp(w.verb, "exporters") == 0 &&
		(request = ctl_exporters_request(w.words, w.word, &err)) == NULL)
		return failed(&err);
	struct conf_problems problems;
	struct conf *c = conf_load(w.file, &problems);
	if (problems.errors)
		fputs(problems.text, stderr);
	conf_problems_free(&problems);
	if (c == NULL) {
		json_decref(request);
		return EXIT_USAGE_;
	}
	int rc = run(&w, c, request);
	conf_free(c);
	return rc;
}
