/*
 * hourly.h - flows an hour of a source, from its counter looked at now and then by the main thread.
 *
 * Kept in memory only: after a restart the figure begins anew, from what has come since.  One look each five minutes is
 * remembered, an hour of them; the rate is the growth since the oldest one, scaled to an hour.
 */
#ifndef FT_INGEST_HOURLY_H
#define FT_INGEST_HOURLY_H

#include <stdbool.h>

#include "common/contract/exporters.h"

enum { HOURLY_LOOKS = 13, HOURLY_STEP_S = 300, HOURLY_LEAST_S = 10 };

struct hourly {
	uint32_t exporter, domain; /* whose: a slot of the source table may become another's */
	uint8_t version, n, first;
	struct {
		int64_t at_us;
		uint64_t flows;
	} look[HOURLY_LOOKS];
};

/* Look at a source; often enough is once in a few seconds. */
void hourly_note(struct hourly *h, const struct ft_source *s, int64_t now_us);
/* -1: it is not watched for ten seconds yet */
int64_t hourly_rate(const struct hourly *h, const struct ft_source *s, int64_t now_us);

#endif
