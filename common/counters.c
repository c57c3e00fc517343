/*
 * counters.c - the rows of counters.def and this process's segment of them (contract/counters.h).
 */
#include "common/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/shm.h"

enum { SUM = 0, GAUGE = 1 };
const struct counter_row counter_rows[COUNTERS] = {
#define COUNTER(process, name, kind, help) {#process, #name, help, kind == GAUGE},
#include "common/counters.def"
#undef COUNTER
};

static union {
	struct ft_counters c;
	uint8_t room[sizeof(struct ft_counters) + COUNTERS * sizeof(uint64_t)];
} before_open;
struct ft_counters *counters_mine = &before_open.c;
static struct shm mine;

/* Number and names of the rows: builds with other rows must not read each other's words. */
static struct shm_kind
kind(void)
{
	uint32_t h = 2166136261u;
	for (unsigned i = 0; i < COUNTERS; i++)
		for (const char *p = counter_rows[i].process, *q = counter_rows[i].name; *p || *q;) {
			h = (h ^ (uint8_t)(*p ? *p++ : *q++)) * 16777619u;
		}
	return (struct shm_kind){FT_COUNTERS_MAGIC, FT_COUNTERS_VERSION, FT_LAYOUT2(h, COUNTERS)};
}

static size_t
segment_bytes(void)
{
	return sizeof(struct ft_counters) + COUNTERS * sizeof(uint64_t);
}

int
counters_open(const char *shm_dir, const char *process, struct err *err)
{
	char name[64];
	struct shm_kind k = kind();
	bool made;
	int rc;
	snprintf(name, sizeof name, "counters.%s", process);
	rc = shm_open_or_create(&mine, shm_dir, name, &k, segment_bytes(), &made, err);
	if (rc == FT_ELAYOUT) { /* figures only: other rows start at 0 */
		shm_remove(shm_dir, name);
		rc = shm_open_or_create(&mine, shm_dir, name, &k, segment_bytes(), &made, err);
	}
	if (rc != 0)
		return rc;
	if (made && (rc = shm_publish(&mine, err)) != 0)
		return rc;
	counters_mine = mine.base;
	atomic_store(&counters_mine->ready, 0);
	atomic_store(&counters_mine->pid, (uint32_t)getpid());
	atomic_store(&counters_mine->started_us, wall_now().us);
	counters_beat();
	return 0;
}

void
counters_beat(void)
{
	atomic_store_explicit(&counters_mine->beat_us, wall_now().us, memory_order_relaxed);
}

void
counters_ready(bool ready)
{
	counters_beat();
	atomic_store_explicit(&counters_mine->ready, ready, memory_order_release);
}

struct peer {
	struct shm shm;
	struct peer *next;
};
static struct peer *peers;

const struct ft_counters *
counters_peer(const char *shm_dir, const char *process, struct err *err)
{
	char name[64];
	struct shm_kind k = kind();
	struct peer *p = calloc(1, sizeof *p);
	if (p == NULL) {
		err_set(err, FT_ENOMEM, "out of memory");
		return NULL;
	}
	snprintf(name, sizeof name, "counters.%s", process);
	if (shm_open_ro(&p->shm, shm_dir, name, &k, err) != 0) {
		free(p);
		return NULL;
	}
	p->next = peers;
	peers = p;
	return p->shm.base;
}

void
counters_peer_close(const struct ft_counters *c)
{
	for (struct peer **at = &peers; *at; at = &(*at)->next)
		if ((*at)->shm.base == c) {
			struct peer *p = *at;
			*at = p->next;
			shm_close(&p->shm);
			free(p);
			return;
		}
}
