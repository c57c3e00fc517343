/*
 * fuzz_netflow5.c - NetFlow 1, 5 and 7: fixed layouts.
 */
#include "tests/fuzz/ingest_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint16_t versions[] = {5, 1, 7};
	return fuzz_datagrams(bytes, n, versions, sizeof versions / sizeof versions[0]);
}
