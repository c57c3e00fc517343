/* options.h - the command line: near softflowd's where it can be */
#ifndef FT_EXPORTER_OPTIONS_H
#define FT_EXPORTER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "exporter/table.h"

enum { OPTIONS_COLLECTORS = 8, OPTIONS_FILES = 64, OPTIONS_FILTER = 4096 };
enum { OPTIONS_HELP = 1, OPTIONS_VERSION = 2 }; /* of options_parse */

struct options {
	const char *nic;
	const char *file[OPTIONS_FILES];
	unsigned n_files;
	const char *collector[OPTIONS_COLLECTORS];
	unsigned n_collectors;
	unsigned version; /* 5, 9, 10 */
	bool tcp, inside, promiscuous, libpcap;
	struct timeouts timeouts;
	uint32_t flows, sampling, snap, ring_mb, domain, index, message;
	int64_t template_s, stats_s, expire_s;
	double pace; /* of a file: times the speed it was captured at; 0: as fast as can be */
	const char *user, *pidfile;
	char filter[OPTIONS_FILTER];
};

/* 0, OPTIONS_HELP, OPTIONS_VERSION, or FT_EINVAL with the reason in err. */
int options_parse(struct options *o, int argc, char **argv, struct err *err);
extern const char options_help[];

#endif
