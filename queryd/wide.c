#include "queryd/wide.h"

#include <pthread.h>
#include <string.h>

#include "common/addr.h"
#include "common/hash.h"

enum { FIRST_SLOTS = 64, RUN = 1024 };

struct wide_slots {
	uint64_t
		*slot; /* upper half: IPv4 address, or half of the hash; lower: place in key[] + 1; 0 empty */
	uint32_t n, slots;
};
struct wide_part {
	pthread_mutex_t lock;
	struct wide_slots v4, other;
	struct wide_key *key;
	uint32_t n, room;
};

/* what a key is looked up by: where it would be, and the upper half of its slot */
struct probe {
	uint64_t hash;
	uint32_t upper;
	bool v4;
};

void
tabwide_init(struct tabwide *t, struct budget *b, bool shared)
{
	*t = (struct tabwide){.budget = b, .parts = shared ? WIDE_SHARED_PARTS : 1};
	t->shift = (unsigned)__builtin_ctz(t->parts);
}

/* Before the first key: threads that come together must not make it twice. */
static bool
parts_made(struct tabwide *t)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	if (__atomic_load_n(&t->part, __ATOMIC_ACQUIRE) != NULL)
		return true;
	(void)pthread_mutex_lock(&making);
	if (t->part == NULL) {
		struct wide_part *p = budget_zeroed(t->budget, t->parts, sizeof *p);
		for (unsigned i = 0; p != NULL && i < t->parts; i++)
			(void)pthread_mutex_init(&p[i].lock, NULL);
		__atomic_store_n(&t->part, p, __ATOMIC_RELEASE);
	}
	(void)pthread_mutex_unlock(&making);
	return t->part != NULL;
}

static inline struct probe
probe_v4(uint32_t address_be, uint64_t seed)
{
	return (struct probe){hash_mix(address_be, seed), address_be, true};
}

static inline struct probe
probe(const uint8_t bytes[16], uint32_t extra, uint64_t seed)
{
	uint32_t address;
	if (extra == 0 && addr_is_v4(bytes)) {
		memcpy(&address, bytes + 12, 4);
		return probe_v4(address, seed);
	}
	uint64_t hash = hash_16(bytes, seed + extra);
	return (struct probe){hash, (uint32_t)(hash >> 32), false};
}

/* upper bits choose the part, but not the uppermost, which a slot keeps of keys that are no IPv4 addresses */
static inline unsigned
part_of(const struct tabwide *t, uint64_t hash)
{
	return (unsigned)(hash >> 24) & (t->parts - 1);
}

static bool
grow(struct tabwide *t, struct wide_part *p, struct wide_slots *s, uint64_t more)
{
	uint64_t slots = s->slots ? s->slots : FIRST_SLOTS, seed = table_seed();
	if ((s->n + more) * 2 <= s->slots)
		return true;
	if (s == &p->v4 && s->n + more < t->expected >> t->shift)
		more = (t->expected >> t->shift) - s->n;
	while ((s->n + more) * 2 > slots)
		slots *= 2;
	uint64_t *slot = slots <= UINT32_MAX ? budget_zeroed(t->budget, slots, sizeof *slot) : NULL;
	if (slot == NULL)
		return false;
	for (uint64_t i = 0; i < s->slots; i++) {
		if (s->slot[i] == 0)
			continue;
		const struct wide_key *k = &p->key[(uint32_t)s->slot[i] - 1];
		uint64_t hash =
			s == &p->v4 ? hash_mix(s->slot[i] >> 32, seed) : hash_16(k->bytes, seed + k->extra);
		uint64_t at = hash & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = s->slot[i];
	}
	budget_free(t->budget, s->slot, s->slots * sizeof *slot);
	s->slot = slot;
	s->slots = (uint32_t)slots;
	return true;
}

static inline bool
same16(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];
	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* place of the key in the part, or ID_NONE and where it would go */
static inline uint32_t
place(const struct wide_part *p, const struct probe *q, const uint8_t bytes[16], uint32_t extra,
	uint32_t *free_at)
{
	const struct wide_slots *s = q->v4 ? &p->v4 : &p->other;
	uint32_t at = (uint32_t)q->hash & (s->slots - 1);
	for (; s->slot[at] != 0; at = (at + 1) & (s->slots - 1)) {
		uint32_t found = (uint32_t)s->slot[at] - 1;
		if (s->slot[at] >> 32 != q->upper)
			continue;
		if (q->v4 || (p->key[found].extra == extra && same16(p->key[found].bytes, bytes)))
			return found;
	}
	*free_at = at;
	return ID_NONE;
}

static bool
more_keys(struct tabwide *t, struct wide_part *p)
{
	uint32_t room = p->room ? p->room * 2 : FIRST_SLOTS, expected = t->expected >> t->shift;
	room = room < expected ? expected : room;
	if ((uint64_t)room << t->shift >= ID_NONE)
		return false;
	struct wide_key *k = budget_realloc(t->budget, p->key, p->room * sizeof *k, room * sizeof *k);
	if (k == NULL)
		return false;
	p->key = k;
	p->room = room;
	return true;
}

static uint32_t
append(struct tabwide *t, struct wide_part *p, const struct probe *q, const uint8_t bytes[16], uint32_t extra,
	uint32_t at)
{
	struct wide_slots *s = q->v4 ? &p->v4 : &p->other;
	if (p->n == p->room && !more_keys(t, p))
		return ID_NONE;
	struct wide_key *k = &p->key[p->n];
	if (q->v4)
		addr_from_v4(k->bytes, (const uint8_t *)&q->upper);
	else
		memcpy(k->bytes, bytes, 16);
	k->extra = extra;
	s->slot[at] = (uint64_t)q->upper << 32 | ++p->n;
	s->n++;
	return p->n - 1;
}

static inline uint32_t
look(struct tabwide *t, unsigned part, bool make, const struct probe *q, const uint8_t bytes[16],
	uint32_t extra)
{
	struct wide_part *p = &t->part[part];
	uint32_t at = 0, found;
	if ((q->v4 ? p->v4.slots : p->other.slots) == 0)
		return ID_NONE; /* only looked up: there is none yet */
	found = place(p, q, bytes, extra, &at);
	if (found == ID_NONE && make)
		found = append(t, p, q, bytes, extra, at);
	return found == ID_NONE ? found : found << t->shift | part;
}

static uint32_t
one(struct tabwide *t, bool make, const struct wide_key *key)
{
	struct probe q = probe(key->bytes, key->extra, table_seed());
	uint32_t id = ID_NONE;
	if (!(make ? parts_made(t) : t->part != NULL))
		return ID_NONE;
	unsigned part = part_of(t, q.hash);
	struct wide_part *p = &t->part[part];
	if (t->parts > 1)
		(void)pthread_mutex_lock(&p->lock);
	if (!make || grow(t, p, q.v4 ? &p->v4 : &p->other, 1))
		id = look(t, part, make, &q, key->bytes, key->extra);
	if (t->parts > 1)
		(void)pthread_mutex_unlock(&p->lock);
	return id;
}

uint32_t
tabwide_intern(struct tabwide *t, const struct wide_key *key)
{
	return one(t, true, key);
}

uint32_t
tabwide_find(struct tabwide *t, const struct wide_key *key)
{
	return one(t, false, key);
}

/* A run of keys: key NULL if all are IPv4 addresses.  probe[order[i]] for i in [from, to) are of one part. */
static bool
look_up_part(struct tabwide *t, unsigned part, bool make, const struct probe *q, const uint16_t *order,
	uint32_t from, uint32_t to, const uint8_t (*key)[16], uint32_t *id)
{
	struct wide_part *p = &t->part[part];
	uint32_t v4 = 0;
	for (uint32_t i = from; i < to; i++)
		v4 += q[order[i]].v4;
	if (make && ((v4 > 0 && !grow(t, p, &p->v4, v4)) ||
			    (to - from > v4 && !grow(t, p, &p->other, to - from - v4))))
		return false;
	for (uint32_t i = from; i < to; i++) {
		const struct probe *o = &q[order[i]];
		const struct wide_slots *s = o->v4 ? &p->v4 : &p->other;
		if (s->slots > 0)
			__builtin_prefetch(&s->slot[(uint32_t)o->hash & (s->slots - 1)]);
	}
	for (uint32_t i = from; i < to && p->other.slots > 0 && to - from > v4; i++) {
		const struct probe *o = &q[order[i]];
		uint64_t slot = o->v4 ? 0 : p->other.slot[(uint32_t)o->hash & (p->other.slots - 1)];
		if (slot != 0)
			__builtin_prefetch(&p->key[(uint32_t)slot - 1]);
	}
	for (uint32_t i = from; i < to; i++) {
		uint32_t at = order[i];
		id[at] = look(t, part, make, &q[at], key != NULL ? key[at] : NULL, 0);
		if (make && id[at] == ID_NONE)
			return false;
	}
	return true;
}

static bool
look_up_run(struct tabwide *t, bool make, const struct probe *q, uint32_t n, const uint8_t (*key)[16],
	uint32_t *id)
{
	uint16_t order[RUN];
	uint32_t end[WIDE_SHARED_PARTS] = {0}, from = 0;
	bool good = true;
	for (uint32_t i = 0; i < n; i++)
		end[part_of(t, q[i].hash)]++;
	for (unsigned p = 0, sum = 0; p < t->parts; p++) {
		uint32_t take = end[p];
		end[p] = sum;
		sum += take;
	}
	for (uint32_t i = 0; i < n; i++)
		order[end[part_of(t, q[i].hash)]++] = (uint16_t)i;
	for (unsigned p = 0; p < t->parts && good; p++) {
		if (end[p] == from)
			continue;
		if (t->parts > 1)
			(void)pthread_mutex_lock(&t->part[p].lock);
		good = look_up_part(t, p, make, q, order, from, end[p], key, id);
		if (t->parts > 1)
			(void)pthread_mutex_unlock(&t->part[p].lock);
		from = end[p];
	}
	return good;
}

static bool
nowhere(uint32_t *id, uint32_t n)
{
	memset(id, 0xff, n * sizeof *id);
	return true;
}

/* Of one thread, and IPv4 addresses alone: nothing has to be sorted by part, and a slot says everything. */
static bool
one_part_v4(struct tabwide *t, bool make, const uint32_t *address, uint32_t n, uint32_t *id)
{
	enum { AHEAD = 24 }; /* slots that are on their way */
	struct wide_part *p = &t->part[0];
	struct wide_slots *s = &p->v4;
	uint32_t at[RUN + AHEAD];
	uint64_t seed = table_seed();
	if (make && !grow(t, p, s, n))
		return false;
	if (s->slots == 0)
		return nowhere(id, n);
	uint64_t *slot = s->slot;
	uint32_t mask = s->slots - 1;
	for (uint32_t i = 0; i < n; i++)
		at[i] = (uint32_t)hash_mix(__builtin_bswap32(address[i]), seed) & mask;
	memset(at + n, 0, AHEAD * sizeof *at);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t a = at[i];
		struct probe q = {0, __builtin_bswap32(address[i]), true};
		__builtin_prefetch(&slot[at[i + AHEAD]]);
		while (slot[a] != 0 && slot[a] >> 32 != q.upper)
			a = (a + 1) & mask;
		if (slot[a] == 0 && make && append(t, p, &q, NULL, 0, a) == ID_NONE)
			return false;
		id[i] = (uint32_t)slot[a] - 1; /* of an empty slot ID_NONE */
	}
	return true;
}

/* The same for keys of any kind.  Of those that are no IPv4 addresses the key is asked for ahead as well. */
static bool
one_part(struct tabwide *t, bool make, const uint8_t (*key)[16], uint32_t n, uint32_t *id)
{
	enum { SLOTS = 24, KEYS = 8 };
	struct wide_part *p = &t->part[0];
	struct wide_slots *s = &p->other;
	uint32_t at[RUN + SLOTS], upper[RUN];
	uint64_t seed = table_seed();
	if (make && !grow(t, p, s, n))
		return false;
	if (s->slots == 0)
		return nowhere(id, n);
	uint64_t *slot = s->slot;
	uint32_t mask = s->slots - 1;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t hash = hash_16(key[i], seed);
		at[i] = (uint32_t)hash & mask;
		upper[i] = (uint32_t)(hash >> 32);
	}
	memset(at + n, 0, SLOTS * sizeof *at);
	for (uint32_t i = 0; i < n; i++) {
		struct probe q = {at[i], upper[i], false};
		uint32_t free_at = 0;
		__builtin_prefetch(&slot[at[i + SLOTS]]);
		if (slot[at[i + KEYS]] != 0 && i + KEYS < n)
			__builtin_prefetch(&p->key[(uint32_t)slot[at[i + KEYS]] - 1]);
		id[i] = place(p, &q, key[i], 0, &free_at);
		if (id[i] == ID_NONE && make && (id[i] = append(t, p, &q, key[i], 0, free_at)) == ID_NONE)
			return false;
	}
	return true;
}

static bool
one_part_any(struct tabwide *t, bool make, const uint8_t (*key)[16], uint32_t n, uint32_t *id)
{
	for (uint32_t from = 0, to; from < n; from = to) {
		uint32_t number[RUN];
		bool v4 = addr_is_v4(key[from]);
		for (to = from; to < n && to - from < RUN && addr_is_v4(key[to]) == v4; to++)
			if (v4)
				memcpy(&number[to - from], key[to] + 12, 4);
		for (uint32_t i = 0; v4 && i < to - from; i++)
			number[i] = __builtin_bswap32(number[i]);
		if (!(v4 ? one_part_v4(t, make, number, to - from, id + from)
			 : one_part(t, make, key + from, to - from, id + from)))
			return false;
	}
	return true;
}

bool
tabwide_many(struct tabwide *t, bool make, const uint8_t (*key)[16], uint32_t n, uint32_t *id)
{
	struct probe q[RUN];
	uint64_t seed = table_seed();
	if (!make && t->part == NULL)
		return nowhere(id, n);
	if (!parts_made(t))
		return false;
	if (t->parts == 1)
		return one_part_any(t, make, key, n, id);
	for (uint32_t from = 0, take; from < n; from += take) {
		take = n - from < RUN ? n - from : RUN;
		for (uint32_t i = 0; i < take; i++)
			q[i] = probe(key[from + i], 0, seed);
		if (!look_up_run(t, make, q, take, key + from, id + from))
			return false;
	}
	return true;
}

bool
tabwide_many_v4(struct tabwide *t, bool make, const uint32_t *address, uint32_t n, uint32_t *id)
{
	struct probe q[RUN];
	uint64_t seed = table_seed();
	if (!make && t->part == NULL)
		return nowhere(id, n);
	if (!parts_made(t))
		return false;
	for (uint32_t from = 0; t->parts == 1 && from < n; from += RUN) {
		uint32_t take = n - from < RUN ? n - from : RUN;
		if (!one_part_v4(t, make, address + from, take, id + from))
			return false;
	}
	if (t->parts == 1)
		return true;
	for (uint32_t from = 0, take; from < n; from += take) {
		take = n - from < RUN ? n - from : RUN;
		for (uint32_t i = 0; i < take; i++)
			q[i] = probe_v4(__builtin_bswap32(address[from + i]), seed);
		if (!look_up_run(t, make, q, take, NULL, id + from))
			return false;
	}
	return true;
}

const struct wide_key *
tabwide_key(const struct tabwide *t, uint32_t id)
{
	return &t->part[id & (t->parts - 1)].key[id >> t->shift];
}

bool
tabwide_has(const struct tabwide *t, uint32_t id)
{
	return t->part != NULL && id >> t->shift < t->part[id & (t->parts - 1)].n;
}

uint32_t
tabwide_bound(const struct tabwide *t)
{
	uint32_t most = 0;
	for (unsigned i = 0; t->part != NULL && i < t->parts; i++)
		most = t->part[i].n > most ? t->part[i].n : most;
	return most << t->shift;
}

uint32_t
tabwide_count(const struct tabwide *t)
{
	uint32_t n = 0;
	for (unsigned i = 0; t->part != NULL && i < t->parts; i++)
		n += t->part[i].n;
	return n;
}

void
tabwide_free(struct tabwide *t)
{
	for (unsigned i = 0; t->part != NULL && i < t->parts; i++) {
		struct wide_part *p = &t->part[i];
		budget_free(t->budget, p->v4.slot, p->v4.slots * sizeof *p->v4.slot);
		budget_free(t->budget, p->other.slot, p->other.slots * sizeof *p->other.slot);
		budget_free(t->budget, p->key, p->room * sizeof *p->key);
		(void)pthread_mutex_destroy(&p->lock);
	}
	budget_free(t->budget, t->part, t->parts * sizeof *t->part);
	t->part = NULL;
}
