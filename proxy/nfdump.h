/*
 * nfdump.h - what `nfdump -o csv` prints, line by line, to flows.
 *
 * The line of column names says what is where, so that the CSV of all nfdumps can be read: 1.6 to 1.7.3 print 48 columns,
 * later ones few and others (nfdump.def).  First and last address, ports, protocol, packets, bytes and the time of the
 * first packet must be there.  Several outputs may follow one another in a file; what nfdump sums up behind one is passed over.
 *
 * What CSV does not tell: whether a 0 was exported (interfaces, AS, masks and VLANs that are all 0 count as not sent), the
 * export version (10 is taken), and up to 1.7.3 the fractions of ts and te.  The duration has them, so the last packet is
 * the first one's second and the duration.  Counters are as nfcapd stored them: it has multiplied by the sampling rate already.
 */
#ifndef FT_PROXY_NFDUMP_H
#define FT_PROXY_NFDUMP_H

#include <stdbool.h>

#include "common/contract/flow_ring.h"
#include "common/err.h"
#include "common/tz.h"

enum { NFDUMP_COLUMNS = 128 };

struct nfdump {
	const struct tz *zone; /* of the times; NULL: this process's own */
	uint8_t exporter[16];  /* of flows that name none; all zero: they are refused */
	/* private */
	int column[NFDUMP_COLUMNS]; /* row of nfdump.def, -1 none */
	unsigned columns;           /* 0: no line of names yet, or a summary has come */
	bool headed;
	int64_t quarter, offset; /* of the latest time: quarters of an hour since 1970, local; seconds */
};

struct nfdump_flows {
	unsigned n; /* 1, or 2: the record has counters of both directions */
	struct ft_flow f[2];
	struct ft_flow_ext x[2]; /* with FT_FLOW_EXT */
	uint8_t exporter[16];
};

/* One line, without its newline; it is cut up.  0: no flow (names, summary, blank), else 1.  FT_EINVAL: what is wrong with
 * which column. */
int nfdump_line(struct nfdump *n, char *line, struct nfdump_flows *out, struct err *err);

#endif
