#include "queryd/coded.h"

#include <string.h>

bool
values_room(struct budget *b, uint64_t **value, uint32_t *values, uint32_t n)
{
	if (n <= *values)
		return true;
	uint32_t room = n + n / 2 + 64;
	uint64_t *p = budget_realloc(b, *value, *values * sizeof *p, room * sizeof *p);
	if (p == NULL)
		return false;
	memset(p + *values, 0, (room - *values) * sizeof *p);
	*value = p;
	*values = room;
	return true;
}

void
coded_block(struct coded *c, struct block_view *v)
{
	c->n = v->dict_count[FT_DICT_ADDR];
	c->blank = true;
	c->on = block_addresses_differ(v);
}

bool
coded_begin(struct coded *c, struct budget *b)
{
	if (!c->blank)
		return true;
	if (c->n > c->room) {
		uint32_t room = c->n + c->n / 4;
		uint64_t *p = budget_realloc(b, c->sum, c->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return false;
		c->sum = p;
		c->room = room;
	}
	memset(c->sum, 0, c->n * sizeof *c->sum);
	c->blank = false;
	return true;
}

int
coded_leave(struct coded *c, struct block_view *v, struct keys *k, uint64_t **value, uint32_t *values,
	struct budget *b)
{
	enum { RUN = 1024 };
	uint8_t address[RUN][16];
	uint64_t amount[RUN];
	uint32_t id[RUN], take;
	if (!c->on || c->blank)
		return 0;
	for (uint32_t from = 0; from < c->n; from += take) {
		const uint64_t *sum = c->sum + from;
		uint32_t some = 0;
		take = c->n - from < RUN ? c->n - from : RUN;
		for (uint32_t i = 0; i < take; i++)
			some += sum[i] != 0;
		if (some == 0)
			continue;
		if (block_addresses(v, from, take, address) != 0)
			return FT_EFORMAT;
		some = 0;
		for (uint32_t i = 0; i < take; i++) { /* those that got nothing are overwritten by the next */
			memcpy(address[some], address[i], 16);
			amount[some] = sum[i];
			some += sum[i] != 0;
		}
		if (!tabwide_many(&k->wide, true, address, 16, some, id) ||
			!values_room(b, value, values, k->wide.n))
			return FT_EFULL;
		for (uint32_t i = 0; i < some; i++)
			(*value)[id[i]] += amount[i];
	}
	return 0;
}

void
coded_free(struct coded *c, struct budget *b)
{
	budget_free(b, c->sum, c->room * sizeof *c->sum);
	*c = (struct coded){0};
}
