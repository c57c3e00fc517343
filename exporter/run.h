/*
 * run.h - the exporter put together: packets in, meter, an encoder and a sender for each collector.
 */
#ifndef FT_EXPORTER_RUN_H
#define FT_EXPORTER_RUN_H

#include <signal.h>

#include "exporter/live.h"
#include "exporter/options.h"
#include "exporter/sender.h"

struct run;
struct run_out {
	struct run *run;
	struct encoder encoder;
	struct sender sender;
};
struct run_filter { /* of a file's link type */
	uint32_t link;
	struct bpf bpf;
};
enum { RUN_FILTERS = 8 };

struct run {
	const struct options *options;
	struct meter meter;
	struct live live;
	struct run_out out[OPTIONS_COLLECTORS];
	int file[OPTIONS_FILES]; /* opened before privileges are given up; the end of the process closes them */
	bool opened; /* a packet has come: the encoders know the time */
	int64_t sent_us; /* when begun messages were sent last */
	uint64_t truncated, unread; /* files that end in a packet; packets the filter left out */
	struct run_filter filter[RUN_FILTERS];
	unsigned n_filters;
	const volatile sig_atomic_t *stop;
	volatile sig_atomic_t *report; /* set back once it has been followed */
};

/* Opens sockets and what is to be read: whatever needs privileges. */
int run_open(struct run *r, const struct options *o, struct err *err);
/* Until the files end or *stop. */
int run_live(struct run *r, struct err *err);
int run_files(struct run *r, struct err *err);
/* Send everything that is left. */
void run_finish(struct run *r);
/* A line of counts on stderr. */
void run_report(struct run *r);
void run_close(struct run *r);

#endif
