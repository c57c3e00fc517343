/*
 * auth.h - passwords, digests and random words; with curve.c the only file that knows sodium.h.
 */
#ifndef FT_QUERYD_AUTH_H
#define FT_QUERYD_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { AUTH_HASH = 128, AUTH_DIGEST = 32, AUTH_KEY_HEX = 32, AUTH_PASSWORD_MOST = 1024 };

/* Once, before anything else here.  FT_ESYS: no source of randomness. */
int auth_init(struct err *err);

/* Argon2id with 64 MiB: about 50 ms of a core.  Callers see to it that at most two run at once. */
int auth_hash(const char *password, char out[AUTH_HASH], struct err *err);
bool auth_verify(const char hash[AUTH_HASH], const char *password);
/* as long as a verification takes, for names that do not exist */
void auth_verify_nobody(const char *password);

/* BLAKE2b of a and b under a key of this process's start: what a verified password is remembered by */
void auth_digest(uint8_t out[AUTH_DIGEST], const char *a, const char *b);
/* BLAKE2b without a key, for what must be the same after a restart: session keys, which are random themselves */
void auth_fingerprint(uint8_t out[AUTH_DIGEST], const char *text);
bool auth_equal(const uint8_t a[AUTH_DIGEST], const uint8_t b[AUTH_DIGEST]);

void auth_random_hex(char out[AUTH_KEY_HEX + 1]);
/* 20 letters and digits that can't be mistaken for each other: 115 bits */
void auth_random_password(char out[24]);
void auth_wipe(void *p, size_t n);

#endif
