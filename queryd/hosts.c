/* hosts.c - see hosts.h. */
#include "queryd/hosts.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/addr.h"
#include "common/hash.h"

enum { SLOTS = 8192, QUEUE = 1024 };
static const int64_t keep_ns = INT64_C(600) * 1000000000, none_ns = INT64_C(60) * 1000000000;

struct slot {
	uint8_t address[16];
	bool used, pending;
	int64_t until_ns;
	char *name; /* NULL: none */
};
struct hosts {
	pthread_mutex_t mutex;
	pthread_cond_t work, done;
	hosts_resolve resolve;
	bool stop;
	unsigned holders; /* threads and the owner */
	struct slot slot[SLOTS];
	uint8_t queue[QUEUE][16];
	unsigned first, n;
};

static bool
by_dns(const uint8_t address[16], char name[HOSTS_NAME])
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct sockaddr_in6 b = {.sin6_family = AF_INET6};
	if (addr_is_v4(address)) {
		memcpy(&a.sin_addr, address + 12, 4);
		return getnameinfo((struct sockaddr *)&a, sizeof a, name, HOSTS_NAME, NULL, 0, NI_NAMEREQD) ==
		       0;
	}
	memcpy(&b.sin6_addr, address, 16);
	return getnameinfo((struct sockaddr *)&b, sizeof b, name, HOSTS_NAME, NULL, 0, NI_NAMEREQD) == 0;
}

/* the mutex is held; frees all of it with the last holder */
static void
leave(struct hosts *h)
{
	bool last = --h->holders == 0;
	pthread_mutex_unlock(&h->mutex);
	if (!last)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(h->slot[i].name);
	pthread_cond_destroy(&h->work);
	pthread_cond_destroy(&h->done);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}

static struct slot *
slot_of(struct hosts *h, const uint8_t address[16])
{
	return &h->slot[hash_16(address, hash_secret()) % SLOTS];
}

static void
keep(struct hosts *h, const uint8_t address[16], const char *name)
{
	struct slot *s = slot_of(h, address);
	if (!s->used || memcmp(s->address, address, 16) != 0)
		return; /* another one took its place meanwhile */
	free(s->name);
	s->name = name ? strdup(name) : NULL;
	s->pending = false;
	s->until_ns = mono_now().ns + (name ? keep_ns : none_ns);
}

static void *
asker(void *arg)
{
	struct hosts *h = arg;
	pthread_mutex_lock(&h->mutex);
	while (!h->stop) {
		if (h->n == 0) {
			pthread_cond_wait(&h->work, &h->mutex);
			continue;
		}
		uint8_t address[16];
		char name[HOSTS_NAME];
		memcpy(address, h->queue[h->first], 16);
		h->first = (h->first + 1) % QUEUE;
		h->n--;
		pthread_mutex_unlock(&h->mutex);
		bool has = h->resolve(address, name);
		pthread_mutex_lock(&h->mutex);
		keep(h, address, has ? name : NULL);
		pthread_cond_broadcast(&h->done);
	}
	leave(h);
	return NULL;
}

int
hosts_open(struct hosts **out, unsigned threads, hosts_resolve resolve, struct err *err)
{
	struct hosts *h = calloc(1, sizeof *h);
	pthread_t thread;
	*out = NULL;
	if (h == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->work, NULL);
	pthread_cond_init(&h->done, NULL);
	h->resolve = resolve ? resolve : by_dns;
	h->holders = 1;
	for (unsigned i = 0; i < threads; i++) {
		pthread_mutex_lock(&h->mutex);
		h->holders++;
		pthread_mutex_unlock(&h->mutex);
		if (pthread_create(&thread, NULL, asker, h) != 0) {
			pthread_mutex_lock(&h->mutex);
			h->holders--;
			pthread_mutex_unlock(&h->mutex);
			hosts_close(h);
			return err_set(err, FT_ESYS, "can't start a thread");
		}
		pthread_detach(thread);
	}
	*out = h;
	return 0;
}

void
hosts_close(struct hosts *h)
{
	if (h == NULL)
		return;
	pthread_mutex_lock(&h->mutex);
	h->stop = true;
	pthread_cond_broadcast(&h->work);
	pthread_cond_broadcast(&h->done);
	leave(h);
}

/* what is known, or asked for from now on; the mutex is held */
static void
look(struct hosts *h, const uint8_t address[16], struct hosts_answer *a)
{
	struct slot *s = slot_of(h, address);
	bool mine = s->used && memcmp(s->address, address, 16) == 0;
	a->state = HOSTS_PENDING;
	a->name[0] = 0;
	if (mine && !s->pending && mono_now().ns < s->until_ns) {
		a->state = s->name ? HOSTS_KNOWN : HOSTS_NONE;
		if (s->name)
			memcpy(a->name, s->name, strlen(s->name) + 1);
		return;
	}
	if (s->pending ||
		h->n == QUEUE) /* also another one that is being asked: it keeps its slot until then */
		return;
	free(s->name);
	*s = (struct slot){.used = true, .pending = true};
	memcpy(s->address, address, 16);
	memcpy(h->queue[(h->first + h->n++) % QUEUE], address, 16);
	pthread_cond_signal(&h->work);
}

void
hosts_ask(struct hosts *h, const uint8_t (*address)[16], unsigned n, struct hosts_answer *answer, span_t most)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + most.us * 1000;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	for (unsigned i = 0; i < n; i++)
		answer[i].state = HOSTS_PENDING;
	pthread_mutex_lock(&h->mutex);
	for (int rc = 0;;) {
		bool pending = false;
		for (unsigned i = 0; i < n; i++) {
			if (answer[i].state ==
				HOSTS_PENDING) /* what is known already may have lost its slot to another */
				look(h, address[i], &answer[i]);
			pending |= answer[i].state == HOSTS_PENDING;
		}
		if (!pending || rc != 0 || h->stop)
			break;
		rc = pthread_cond_clockwait(&h->done, &h->mutex, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&h->mutex);
}
