/*
 * counters.h - this process's counters (contract/counters.h), rows in counters.def.
 */
#ifndef FT_COUNTERS_H
#define FT_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/contract/counters.h"
#include "common/err.h"

enum counter {
#define COUNTER(process, name, kind, help) COUNTER_##process##_##name,
#include "common/counters.def"
#undef COUNTER
	COUNTERS
};

struct counter_row {
	const char *process, *name, *help;
	bool gauge;
};
extern const struct counter_row counter_rows[COUNTERS];

int counters_open(const char *shm_dir, const char *process, struct err *err); /* "ingest" */
/* before counters_open they count into private memory, so that libraries can be tested alone */
extern struct ft_counters *counters_mine;

static inline void
counter_add(enum counter c, uint64_t n)
{
	atomic_fetch_add_explicit(&counters_mine->value[c], n, memory_order_relaxed);
}
static inline void
counter_set(enum counter c, uint64_t v)
{
	atomic_store_explicit(&counters_mine->value[c], v, memory_order_relaxed);
}
static inline uint64_t
counter_get(enum counter c)
{
	return atomic_load_explicit(&counters_mine->value[c], memory_order_relaxed);
}
void counters_beat(void);
void counters_ready(bool ready);

/* another process's, read-only; NULL and err if it has none */
const struct ft_counters *counters_peer(const char *shm_dir, const char *process, struct err *err);
void counters_peer_close(const struct ft_counters *c);

#endif
