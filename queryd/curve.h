/*
 * curve.h - the keys of the encrypted query port: made at first start, DIR/curve.key (0600, the secret) and
 * DIR/curve.pub (what clients need: FLOWTROVE_SERVERKEY, or ~/.config/flowtrove/HOST.key).  Z85 text, 40 characters.
 */
#ifndef FT_QUERYD_CURVE_H
#define FT_QUERYD_CURVE_H

#include <stdbool.h>

#include "common/err.h"

enum { CURVE_TEXT = 41 };

struct curve {
	char public_key[CURVE_TEXT], secret_key[CURVE_TEXT];
};

int curve_load(struct curve *c, const char *dir, struct err *err);
/* 127.0.0.0/8, ::1, localhost: needs no encryption */
bool curve_loopback(const char *address);

#endif
