/*
 * template_group.c - see template_group.h.
 */
#include "ingest/template_group.h"

#include <stdlib.h>

#include "common/hash.h"

void
groups_open(struct template_groups *g, uint64_t seed)
{
	*g = (struct template_groups){.seed = seed, .mask = 255};
	g->bucket = calloc(g->mask + 1, sizeof(struct template_group *));
}

void
groups_close(struct template_groups *g)
{
	/* others went with their last member */
	for (struct template_group *one = g->aside, *next; one; one = next) {
		next = one->next;
		free(one);
	}
	free(g->bucket);
}

/* where the group is, or belongs */
static struct template_group **
place(struct template_groups *g, uint32_t exporter, uint8_t version, uint32_t domain, uint32_t connection,
	bool options)
{
	uint64_t h = hash_mix(((uint64_t)exporter << 32 | domain) ^ g->seed,
		(uint64_t)connection << 32 | (uint64_t)version << 1 | options);
	struct template_group **at = &g->bucket[(uint32_t)h & g->mask];
	for (struct template_group *one; (one = *at) != NULL; g->steps++, at = &one->next)
		if (one->exporter == exporter && one->version == version && one->domain == domain &&
			one->connection == connection && one->options == options)
			break;
	return at;
}

struct template_group *
groups_find(struct template_groups *g, uint32_t exporter, uint8_t version, uint32_t domain,
	uint32_t connection, bool options)
{
	return *place(g, exporter, version, domain, connection, options);
}

static void
grow(struct template_groups *g)
{
	struct template_group **was = g->bucket;
	uint32_t n = g->mask + 1;
	g->mask = n * 2 - 1;
	g->bucket = calloc((size_t)n * 2, sizeof(struct template_group *));
	CHECK(g->bucket != NULL);
	for (uint32_t i = 0; i < n; i++)
		for (struct template_group *one = was[i], *next; one; one = next) {
			next = one->next;
			one->next = NULL;
			*place(g, one->exporter, one->version, one->domain, one->connection, one->options) =
				one;
		}
	free(was);
}

void
groups_join(struct template_groups *g, struct template *t)
{
	if (t->connection == 0 && !t->provisional)
		return;
	if (g->used * 4 > g->mask)
		grow(g);
	/* provisional ones are void or counted together, whatever their kind */
	bool options = t->options && t->connection;
	struct template_group **at = place(g, t->exporter, t->version, t->domain, t->connection, options);
	struct template_group *one = *at;
	if (one == NULL) {
		one = *at = calloc(1, sizeof *one);
		CHECK(one != NULL);
		*one = (struct template_group){.exporter = t->exporter,
			.domain = t->domain,
			.connection = t->connection,
			.version = t->version,
			.options = options};
		g->used++;
	}
	one->n++;
	t->group = one;
	t->group_next = one->first;
	t->group_at = &one->first;
	if (t->group_next)
		t->group_next->group_at = &t->group_next;
	one->first = t;
}

static void
take_from_bucket(struct template_groups *g, struct template_group *one)
{
	*place(g, one->exporter, one->version, one->domain, one->connection, one->options) = one->next;
	g->used--;
}

void
groups_leave(struct template_groups *g, struct template *t)
{
	struct template_group *one = t->group;
	if (one == NULL)
		return;
	*t->group_at = t->group_next;
	if (t->group_next)
		t->group_next->group_at = t->group_at;
	t->group = NULL;
	t->group_at = NULL;
	t->group_next = NULL;
	one->n--;
	g->n_void -= one->aside;
	if (one->n > 0 || one->aside)
		return; /* what is aside is freed when its turn comes */
	take_from_bucket(g, one);
	free(one);
}

void
groups_put_aside(struct template_groups *g, struct template_group *one)
{
	take_from_bucket(g, one);
	one->next = g->aside;
	one->aside = true;
	g->aside = one;
	g->n_void += one->n;
}

struct template *
groups_void(struct template_groups *g)
{
	for (struct template_group *one; (one = g->aside) != NULL;) {
		g->steps++;
		if (one->first)
			return one->first;
		g->aside = one->next;
		free(one);
	}
	return NULL;
}
