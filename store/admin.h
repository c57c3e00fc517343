/*
 * admin.h - ft-store stats | verify | backup DIR | attach DIR | detach N DIR | repair [DIR] | clear, -c FILE.
 */
#ifndef FT_STORE_ADMIN_H
#define FT_STORE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/err.h"

enum { EXIT_USAGE = 100, EXIT_SYSTEM = 111 };

struct admin {
	const char *word, *argument;
	struct conf *conf;
	const char *database;
	bool yes;
};

/* Exit code: 0 good, 1 damage found or refused, 100 usage, 111 system. */
int admin_main(int argc, char **argv);
void admin_usage_error(void); /* to stderr */

/* ---- change.c: commands that change the folder.  The same exit codes. ---- */
int change_attach(struct admin *a);
int change_detach(struct admin *a, const char *folder);
int change_clear(struct admin *a);
/* Files of segments before the active one have come, gone or changed: a running ft-store is told, and looks at the folder
 * anew; without one the index is put right here, and the next start finds the rest.  Numbers in `changed` have other
 * contents than before, those in `gone` were taken out on purpose: no answer warns of them. */
int change_tell(struct admin *a, const uint32_t *changed, uint32_t n_changed, const uint32_t *gone,
	uint32_t n_gone, struct err *err);

/* ---- repair.c ---- */
int repair(struct admin *a);

#endif
