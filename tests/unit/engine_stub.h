/* engine_stub.h - see engine_stub.c. */
#ifndef FT_TESTS_ENGINE_STUB_H
#define FT_TESTS_ENGINE_STUB_H

#include "queryd/engine.h"

struct stub {
	struct query_spec spec; /* of the latest query; its strings: */
	char filter[64], user_filter[64], entity[64], exporter[64];
	uint64_t context_memory;
	char order[512]; /* exporters of all queries, each with ';' */
	unsigned queries, held, cancelled;
	_Atomic unsigned chunks;
	bool go;
};
extern struct stub stub;

void stub_reset(void);
void stub_let_go(void);		/* queries that are held go on */
void stub_wait_held(unsigned n); /* until n queries were held since the reset */

#endif
