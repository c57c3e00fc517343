/*
 * settings.h - flowtrove.conf changed while running: the file keeps its comments and order, is checked whole before it
 * takes the old one's place, and is replaced in one step (written beside it, synced, renamed).
 */
#ifndef FT_QUERYD_SETTINGS_H
#define FT_QUERYD_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/conf.h"

enum { SETTINGS_TEXT = 2048 };

/* "storage/segmentsize"; false: there is no such setting */
bool settings_find(const char *name, enum conf_key *key);
/* may it be changed over the protocol */
bool settings_settable(enum conf_key key);
/* A value as it stands in the file: a string, number, boolean, or an array of strings and numbers.  FT_EINVAL */
int settings_text(const json_t *value, char out[SETTINGS_TEXT], struct err *err);
/* FT_EINVAL: the setting does not take this value, err says why.  FT_ESYS: the file can't be written. */
int settings_write(const char *path, enum conf_key key, const char *text, struct err *err);

#endif
