/* curve.c - see curve.h.  Z85 is 0MQ RFC 32: 4 bytes big-endian as 5 digits of base 85. */
#include "queryd/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char digit[] =
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static void
encode(char out[CURVE_TEXT], const uint8_t key[32])
{
	for (int i = 0; i < 8; i++) {
		uint32_t v = (uint32_t)key[4 * i] << 24 | (uint32_t)key[4 * i + 1] << 16 |
			     (uint32_t)key[4 * i + 2] << 8 | key[4 * i + 3];
		for (int d = 4; d >= 0; d--, v /= 85)
			out[5 * i + d] = digit[v % 85];
	}
	out[40] = 0;
}

static bool
decode(uint8_t key[32], const char *text)
{
	if (strlen(text) != 40)
		return false;
	for (int i = 0; i < 8; i++) {
		uint64_t v = 0;
		for (int d = 0; d < 5; d++) {
			const char *p = strchr(digit, text[5 * i + d]);
			if (p == NULL)
				return false;
			v = v * 85 + (uint64_t)(p - digit);
		}
		if (v > UINT32_MAX)
			return false;
		for (int b = 0; b < 4; b++)
			key[4 * i + b] = (uint8_t)(v >> (24 - 8 * b));
	}
	return true;
}

static int
write_file(const char *path, const char *text, mode_t mode, struct err *err)
{
	char part[600];
	snprintf(part, sizeof part, "%s.new", path);
	(void)unlink(part); /* of a start that was cut short */
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(err, "%s: can't write", part);
	int rc = dprintf(fd, "%s\n", text) > 0 && fsync(fd) == 0 && rename(part, path) == 0
			 ? 0
			 : err_sys(err, "%s: can't write", path);
	close(fd);
	return rc;
}

int
curve_load(struct curve *c, const char *dir, struct err *err)
{
	char path[560], pub[560];
	uint8_t public_raw[32], secret_raw[32];
	snprintf(path, sizeof path, "%s/curve.key", dir);
	snprintf(pub, sizeof pub, "%s/curve.pub", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, c->secret_key, 40);
		close(fd);
		c->secret_key[n == 40 ? 40 : 0] = 0;
		if (!decode(secret_raw, c->secret_key))
			return err_set(err, FT_EFORMAT,
				"%s: not a key (40 characters of Z85); remove it and a new one is made, "
				"which clients must then be given",
				path);
		crypto_scalarmult_base(public_raw, secret_raw);
	} else if (errno == ENOENT) {
		crypto_box_keypair(public_raw, secret_raw);
		encode(c->secret_key, secret_raw);
		int rc = write_file(path, c->secret_key, 0600, err);
		if (rc != 0)
			return rc;
	} else
		return err_sys(err, "%s: can't read", path);
	sodium_memzero(secret_raw, sizeof secret_raw);
	encode(c->public_key, public_raw);
	return write_file(pub, c->public_key, 0644, err);
}

bool
curve_loopback(const char *address)
{
	bool dotted = strspn(address, "0123456789.") == strlen(address);
	return (dotted && strncmp(address, "127.", 4) == 0) || strcmp(address, "::1") == 0 ||
	       strcmp(address, "[::1]") == 0 || strcmp(address, "localhost") == 0;
}
