/*
 * services.h - names of services by port and protocol, from a file in /etc/services form.
 * Immutable once read; threads share it.
 */
#ifndef FT_SERVICES_H
#define FT_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct services;

/* A file that is not there gives an empty table.  NULL only without memory. */
struct services *services_read(const char *path);
/* The same, and says so: FT_ESYS if the file can't be read, or not to its end (*out is what there was), FT_ENOMEM
 * (*out is NULL). */
int services_open(struct services **out, const char *path, struct err *err);
void services_free(struct services *s);

/* NULL: no name */
const char *services_name(const struct services *s, uint16_t port, uint8_t proto);
/* i-th service called so (any case, other names too), 0 …; false: no more.  proto may be NULL. */
bool services_find(const struct services *s, const char *name, unsigned i, uint16_t *port, uint8_t *proto);
/* i-th row of the table, in order of port; NULL at the end */
const char *services_row(const struct services *s, unsigned i, uint16_t *port, uint8_t *proto);

#endif
