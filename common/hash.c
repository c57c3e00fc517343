/* hash.c - see hash.h; the only file that knows xxhash.h */
#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/hash.h"

static uint64_t secret;
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t
hash_bytes(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

static void
make_secret(void)
{
	if (getrandom(&secret, sizeof secret, 0) == (ssize_t)sizeof secret)
		return;
	/* no random device (old kernels, odd sandboxes): still not the same twice */
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	secret = hash_mix((uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 32, (uint64_t)getpid());
}

uint64_t
hash_secret(void)
{
	(void)pthread_once(&once, make_secret);
	return secret;
}
