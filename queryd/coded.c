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

int
coded_codes_block(struct coded_codes *c, struct block_view *v, struct budget *b)
{
	c->n = v->dict_count[FT_DICT_ADDR];
	if (c->n > c->room) {
		uint32_t room = c->n + c->n / 4;
		uint32_t *p = budget_realloc(b, c->bare, c->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		c->bare = p;
		c->room = room;
	}
	int rc = block_bare(v, c->bare, &c->differ);
	c->gap = 0;
	for (uint32_t i = 0; i < c->n && rc == 0 && !c->differ; i++)
		c->gap = i - c->bare[i] > c->gap ? i - c->bare[i] : c->gap;
	return rc;
}

const uint32_t *
coded_codes_of(const struct coded_codes *c, struct batch *b, enum ft_column column, uint32_t *room)
{
	const uint32_t *code = batch_sel32(b, column);
	if (c->differ || b->rc != 0)
		return code;
	for (uint32_t j = 0; j < b->m; j++)
		room[j] = c->bare[code[j]];
	return room;
}

void
coded_codes_free(struct coded_codes *c, struct budget *b)
{
	budget_free(b, c->bare, c->room * sizeof *c->bare);
	*c = (struct coded_codes){0};
}

int
coded_ids(struct tabwide *t, struct block_view *v, const uint32_t *code, uint32_t n, uint32_t *id)
{
	enum { RUN = 1024 };
	uint32_t v4 = block_v4_count(v), first = 0, from = code[0];
	while (first < n && code[n - 1] >= v4 && code[first] < v4)
		first++;
	if (code[n - 1] < v4)
		first = n;
	if (first > 0) {
		uint32_t number[RUN];
		if (block_v4(v, from, code[first - 1] - from + 1, number) != 0)
			return FT_EFORMAT;
		for (uint32_t i = 0; i < first; i++) /* code[i] - from >= i */
			number[i] = number[code[i] - from];
		if (!tabwide_many_v4(t, true, number, first, id))
			return FT_EFULL;
	}
	if (first < n) {
		uint8_t address[RUN][16];
		from = code[first];
		if (block_addresses(v, from, code[n - 1] - from + 1, address) != 0)
			return FT_EFORMAT;
		for (uint32_t i = first; i < n; i++)
			if (code[i] - from != i - first)
				memcpy(address[i - first], address[code[i] - from], 16);
		if (!tabwide_many(t, true, (const uint8_t(*)[16])address, n - first, id + first))
			return FT_EFULL;
	}
	return 0;
}

int
coded_block(struct coded *c, struct block_view *v, struct budget *b)
{
	c->blank = true;
	return coded_codes_block(&c->codes, v, b);
}

bool
coded_begin(struct coded *c, struct budget *b)
{
	if (!c->blank)
		return true;
	if (c->codes.n > c->room) {
		uint32_t room = c->codes.n + c->codes.n / 4;
		uint64_t *p = budget_realloc(b, c->sum, c->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return false;
		c->sum = p;
		c->room = room;
	}
	memset(c->sum, 0, c->codes.n * sizeof *c->sum);
	c->blank = false;
	return true;
}

int
coded_leave(struct coded *c, struct block_view *v, struct keys *k, uint64_t **value, uint32_t *values,
	struct budget *b)
{
	enum { RUN = 1024 };
	struct tabwide *t = keys_wide(k);
	uint32_t id[RUN], code[RUN], take, all = 0;
	if (c->blank)
		return 0;
	for (uint32_t i = 0; i < c->codes.n; i++)
		all += c->sum[i] != 0;
	t->expected = all > t->expected ? all : t->expected;
	for (uint32_t from = 0; from < c->codes.n; from += take) {
		uint32_t some = 0;
		take = c->codes.n - from < RUN ? c->codes.n - from : RUN;
		for (uint32_t i = 0; i < take; i++) {
			code[some] = from + i;
			some += c->sum[from + i] != 0;
		}
		if (some == 0)
			continue;
		int rc = coded_ids(t, v, code, some, id);
		if (rc != 0)
			return rc;
		if (!values_room(b, value, values, keys_bound(k)))
			return FT_EFULL;
		for (uint32_t i = 0; i < some; i++)
			(*value)[id[i]] += c->sum[code[i]];
	}
	return 0;
}

void
coded_free(struct coded *c, struct budget *b)
{
	coded_codes_free(&c->codes, b);
	budget_free(b, c->sum, c->room * sizeof *c->sum);
	*c = (struct coded){0};
}

/* ---- the shown ones ---------------------------------------------------------------------------------- */

static inline unsigned
sieve_bit(const uint8_t address[16])
{
	uint64_t w[2];
	memcpy(w, address, 16);
	return (unsigned)((w[0] * 3 + w[1]) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}

void
coded_sieve(struct sieve *s, const struct keys *few)
{
	*s = (struct sieve){0};
	for (uint32_t i = 0; i < keys_bound(few); i++) {
		unsigned bit = sieve_bit(tabwide_key(keys_wide(few), i)->bytes);
		s->word[bit / 64] |= (uint64_t)1 << bit % 64;
	}
}

void
coded_rows_block(struct coded_rows *c, struct block_view *v)
{
	c->blank = true;
	c->n = v->dict_count[FT_DICT_ADDR];
}

int
coded_rows_begin(
	struct coded_rows *c, struct block_view *v, struct keys *few, const struct sieve *s, struct budget *b)
{
	enum { RUN = 1024 };
	uint8_t address[RUN][16];
	uint16_t maybe[RUN];
	uint32_t id[RUN], take;
	if (!c->blank)
		return 0;
	if (c->n > c->room) {
		uint32_t room = c->n + c->n / 4;
		uint8_t *p = budget_realloc(b, c->row, c->room * sizeof *p, room * sizeof *p);
		if (p == NULL)
			return FT_EFULL;
		c->row = p;
		c->room = room;
	}
	memset(c->row, 0, c->n * sizeof *c->row);
	for (uint32_t from = 0; from < c->n; from += take) {
		uint32_t some = 0;
		take = c->n - from < RUN ? c->n - from : RUN;
		if (block_addresses(v, from, take, address) != 0)
			return FT_EFORMAT;
		for (uint32_t i = 0; i < take; i++) {
			unsigned bit = sieve_bit(address[i]);
			maybe[some] = (uint16_t)i;
			memcpy(address[some], address[i], 16);
			some += (uint32_t)(s->word[bit / 64] >> bit % 64) & 1;
		}
		(void)tabwide_many(keys_wide(few), false, (const uint8_t(*)[16])address, some, id);
		for (uint32_t i = 0; i < some; i++)
			if (id[i] != ID_NONE)
				c->row[from + maybe[i]] = (uint8_t)(id[i] + 1);
	}
	c->blank = false;
	return 0;
}

void
coded_rows_free(struct coded_rows *c, struct budget *b)
{
	budget_free(b, c->row, c->room * sizeof *c->row);
	*c = (struct coded_rows){0};
}
