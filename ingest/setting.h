/*
 * setting.h - what an administrator set for exporters, as the decoder sees it: an immutable table of those that differ
 * from the defaults, found by id.
 *
 * The main thread makes a new table at every change and raises a generation; an ingest thread compares that number at
 * the beginning of each batch and takes the new table.  So a setting holds for whole batches, costs a load a batch and
 * a branch a flow where nothing is set, and nobody waits for anybody.  Tables are counted references: the last one to
 * let go frees.
 *
 * Precedence of a sampling rate: of the interface the flow came in by; of the one it left by; of the exporter; else
 * what the exporter says.  An override replaces the rate beside the flow, never the counters: what was counted can be
 * had back by division.
 */
#ifndef FT_INGEST_SETTING_H
#define FT_INGEST_SETTING_H

#include <stdbool.h>
#include <stdint.h>

enum setting_clock {
	SETTING_CLOCK_AUTO,    /* corrected where it can't be right (source.c) */
	SETTING_CLOCK_TRUST,   /* never corrected */
	SETTING_CLOCK_ARRIVAL, /* times are moved so that the header's is the time of arrival */
};

struct setting_interface {
	uint32_t index, sampling;
};

struct setting {
	uint32_t exporter;
	bool disabled;     /* decoded and counted, not stored */
	uint8_t clock;     /* enum setting_clock */
	uint32_t sampling; /* 1 in N; 0: as the exporter says */
	uint32_t interfaces;
	const struct setting_interface *interface;
};

struct settings;

/* A table being made.  NULL: out of memory.  s->interface is copied.  One that was never shared is freed by
 * settings_drop() as well. */
struct settings *settings_new(uint32_t generation);
/* exporters at most once each; 0 or FT_ENOMEM */
int settings_add(struct settings *t, const struct setting *s);
struct settings *settings_hold(struct settings *t);
void settings_drop(struct settings *t); /* NULL: nothing */
uint32_t settings_generation(const struct settings *t);

/* NULL: nothing is set for it.  t may be NULL. */
const struct setting *settings_find(const struct settings *t, uint32_t exporter);
/* The rate set for a flow between two interfaces; 0: none is. */
uint32_t setting_rate(const struct setting *s, uint32_t in_if, uint32_t out_if);

#endif
