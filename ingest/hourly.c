/* hourly.c - see hourly.h. */
#include "ingest/hourly.h"

#include <string.h>

#define SECOND INT64_C(1000000)

static bool
of(const struct hourly *h, const struct ft_source *s)
{
	return h->n > 0 && h->exporter == s->exporter && h->domain == s->domain && h->version == s->version;
}

static uint64_t
flows(const struct ft_source *s)
{
	return s->flows + s->flows_disabled;
}

void
hourly_note(struct hourly *h, const struct ft_source *s, int64_t now_us)
{
	if (!of(h, s) || flows(s) < h->look[(h->first + h->n - 1) % HOURLY_LOOKS].flows) {
		memset(h, 0, sizeof *h);
		h->exporter = s->exporter;
		h->domain = s->domain;
		h->version = s->version;
	} else if (now_us - h->look[(h->first + h->n - 1) % HOURLY_LOOKS].at_us < HOURLY_STEP_S * SECOND)
		return;
	if (h->n == HOURLY_LOOKS)
		h->first = (uint8_t)((h->first + 1) % HOURLY_LOOKS);
	else
		h->n++;
	unsigned at = (h->first + h->n - 1u) % HOURLY_LOOKS;
	h->look[at].at_us = now_us;
	h->look[at].flows = flows(s);
}

int64_t
hourly_rate(const struct hourly *h, const struct ft_source *s, int64_t now_us)
{
	if (!of(h, s))
		return -1;
	unsigned i = 0;
	/* what is older than an hour does not count, unless there is nothing newer */
	while (i + 1 < h->n && now_us - h->look[(h->first + i) % HOURLY_LOOKS].at_us > 3600 * SECOND)
		i++;
	unsigned at = (h->first + i) % HOURLY_LOOKS;
	int64_t span = now_us - h->look[at].at_us;
	uint64_t is = flows(s), was = h->look[at].flows;
	if (span < HOURLY_LEAST_S * SECOND || is < was)
		return -1;
	return (int64_t)((double)(is - was) * 3600e6 / (double)span);
}
