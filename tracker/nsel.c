/*
 * nsel.c - see nsel.h.
 */
#include "tracker/nsel.h"

/* *told: above 0 the updates so far, below 0 credit left by a teardown.  late: not after what is known of the session. */
static uint64_t
news(int64_t *told, uint64_t n, bool teardown, bool late)
{
	const uint64_t most = INT64_MAX / 2;
	n = n < most ? n : most;
	uint64_t before = (uint64_t)(*told > 0 ? *told : 0), credit = (uint64_t)(*told < 0 ? -*told : 0);
	if (teardown && n >= before) {
		credit += n - before;
		*told = -(int64_t)(credit < most ? credit : most);
		return n - before;
	}
	uint64_t drawn = !late ? 0 : n < credit ? n : credit;
	if (late && credit > drawn)
		*told = -(int64_t)(credit - drawn);
	else
		*told = (int64_t)(before + (n - drawn) < most ? before + (n - drawn) : most);
	return n - drawn;
}

void
nsel_share(struct trk_ext *x, uint8_t event, bool from_client, bool late, uint64_t *bytes, uint64_t *packets)
{
	unsigned side = from_client ? 0 : 1;
	if (event != NSEL_UPDATED && event != NSEL_DELETED)
		return;
	*bytes = news(&x->nsel_bytes[side], *bytes, event == NSEL_DELETED, late);
	*packets = news(&x->nsel_packets[side], *packets, event == NSEL_DELETED, late);
}
