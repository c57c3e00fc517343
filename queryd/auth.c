/* auth.c - see auth.h. */
#include "queryd/auth.h"

#include <sodium.h>
#include <string.h>

_Static_assert(AUTH_HASH >= crypto_pwhash_STRBYTES, "room for a hash");

static uint8_t start_key[crypto_generichash_KEYBYTES];
static char nobody[AUTH_HASH];

int
auth_init(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, FT_ESYS, "libsodium does not start: no source of randomness");
	randombytes_buf(start_key, sizeof start_key);
	return auth_hash("", nobody, err);
}

int
auth_hash(const char *password, char out[AUTH_HASH], struct err *err)
{
	memset(out, 0, AUTH_HASH);
	if (crypto_pwhash_str_alg(out, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
		    crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_set(
			err, FT_ENOMEM, "no memory to hash a password (64 MiB are needed for a moment)");
	return 0;
}

bool
auth_verify(const char hash[AUTH_HASH], const char *password)
{
	return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}

void
auth_verify_nobody(const char *password)
{
	bool same = auth_verify(nobody, password); /* for the time it takes */
	(void)same;
}

static void
digest(uint8_t out[AUTH_DIGEST], const char *a, const char *b, const uint8_t *key, size_t key_bytes)
{
	crypto_generichash_state s;
	crypto_generichash_init(&s, key, key_bytes, AUTH_DIGEST);
	crypto_generichash_update(&s, (const uint8_t *)a, strlen(a) + 1);
	crypto_generichash_update(&s, (const uint8_t *)b, strlen(b));
	crypto_generichash_final(&s, out, AUTH_DIGEST);
}

void
auth_digest(uint8_t out[AUTH_DIGEST], const char *a, const char *b)
{
	digest(out, a, b, start_key, sizeof start_key);
}

void
auth_fingerprint(uint8_t out[AUTH_DIGEST], const char *text)
{
	digest(out, "session key", text, NULL, 0);
}

bool
auth_equal(const uint8_t a[AUTH_DIGEST], const uint8_t b[AUTH_DIGEST])
{
	return sodium_memcmp(a, b, AUTH_DIGEST) == 0;
}

void
auth_random_hex(char out[AUTH_KEY_HEX + 1])
{
	uint8_t raw[AUTH_KEY_HEX / 2];
	randombytes_buf(raw, sizeof raw);
	sodium_bin2hex(out, AUTH_KEY_HEX + 1, raw, sizeof raw);
	sodium_memzero(raw, sizeof raw);
}

void
auth_random_password(char out[24])
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
	for (int i = 0; i < 20; i++)
		out[i] = letters[randombytes_uniform(sizeof letters - 1)];
	out[20] = 0;
}

void
auth_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}
