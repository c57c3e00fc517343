/*
 * fuzz_show.c - what ft-decode prints of any NetFlow and IPFIX datagrams is JSON on one line.
 */
#include <jansson.h>

#include "ingest/show.h"
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
show(void *ctx, const struct message *m, const struct template *t, const struct decoded *d,
	const uint8_t *bytes, size_t n)
{
	static const uint8_t sender[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	(void)ctx;
	json_t *o = show_record(m, t, d, bytes, n, sender);
	CHECK(o != NULL);
	char *line = json_dumps(o, JSON_COMPACT);
	CHECK(line != NULL && strchr(line, '\n') == NULL);
	json_t *again = json_loads(line, JSON_ALLOW_NUL, NULL);
	CHECK(again != NULL);
	json_decref(again);
	json_decref(o);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint16_t versions[] = {9, 10, 5, 7, 1};
	fuzz_record = show;
	return fuzz_datagrams(bytes, n, versions, sizeof versions / sizeof versions[0]);
}
