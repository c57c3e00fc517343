/*
 * ft-chart: a view's answer (JSON) on standard input into a picture.  ftstat runs it for -g: loading what draws takes
 * longer than most answers, so only who wants a picture waits for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/view.h"

int
main(int argc, char **argv)
{
	json_error_t e;
	if (argc != 4) {
		fprintf(argc == 2 && strcmp(argv[1], "-h") == 0 ? stdout : stderr,
			"usage: ft-chart FILE WIDTH HEIGHT < VIEW\n"
			"FILE ends in .tga, .png, .svg or .pdf; VIEW is what ftstat -j with -w prints.\n");
		return argc == 2 && strcmp(argv[1], "-h") == 0 ? EXIT_GOOD : EXIT_USAGE;
	}
	struct options o = {
		.tool = "ftstat", .picture = argv[1], .width = atol(argv[2]), .height = atol(argv[3])};
	json_t *view = json_loadf(stdin, 0, &e);
	if (view == NULL) {
		fprintf(stderr, "ft-chart: standard input is not a view: %s\n", e.text);
		return EXIT_USAGE;
	}
	int rc = view_picture(&o, view);
	json_decref(view);
	return rc;
}
