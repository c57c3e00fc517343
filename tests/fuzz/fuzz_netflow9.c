/*
 * fuzz_netflow9.c - NetFlow v9: templates, options, data.
 */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint16_t versions[] = {9};
	return fuzz_datagrams(bytes, n, versions, sizeof versions / sizeof versions[0]);
}
