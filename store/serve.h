/*
 * serve.h - ft-store at work: the turns of its loop and its control operations.
 */
#ifndef FT_STORE_SERVE_H
#define FT_STORE_SERVE_H

#include "common/conf.h"
#include "common/rpc.h"
#include "store/store.h"

struct proc;

void settings_from(struct store_settings *s, const struct conf *c);
/* Open tag files and groups as the configuration says; what can't be read is logged and done without. */
void serve_tags(struct store *st, const struct conf *c);
enum { SERVE_BATCHES = 32, SERVE_FULL = SERVE_BATCHES * OPEN_BATCH / 2 };
/* One turn: take slices, commit, seal, look around.  Returns slices taken. */
/* Nothing is in the rings at this time of the wall clock: what is older than an emission is stored.  A clock that was set back
 * takes the promise back with it. */
void serve_complete(struct store *st, int64_t wall_us);
uint32_t serve_turn(struct store *st, const struct conf *c);
/* How long the loop may sleep before the next thing is due. */
span_t serve_idle(const struct store *st);
/* Everything that has arrived is stored and synced. */
int serve_drain(struct store *st, struct err *err);
/* Before an orderly end: takes what the rings hold, some seconds long, and commits. */
int serve_stop(struct store *st, struct err *err);
/* Handler of control operations: drain, stats, groups.list, groups.set, attach, detach; ctx is serve_context. */
struct serve_context {
	struct proc *p;
	struct store *st;
};
void serve_control(void *ctx, struct rpc_call *call);

#endif
