/* kept.c - see kept.h */
#include "tracker/kept.h"

#include <string.h>

#include "common/element_list.h"

static size_t
cells_of(size_t bytes)
{
	return (bytes + TRK_CELL_BYTES - 1) / TRK_CELL_BYTES;
}

static size_t
read_chain(const struct trk_kept *k, const struct trk_cell *cell, uint8_t *list)
{
	size_t at = 0;
	CHECK(k->bytes <= FT_ELEMENTS_MOST);
	for (uint32_t next = k->first; at < k->bytes; next = cell[next - 1].next) {
		size_t part = k->bytes - at < TRK_CELL_BYTES ? k->bytes - at : TRK_CELL_BYTES;
		CHECK(next != 0);
		memcpy(list + at, cell[next - 1].bytes, part);
		at += part;
	}
	return at;
}

static uint32_t
take(struct table *t)
{
	if (t->free_cells > 0)
		return t->free_cell[--t->free_cells] + 1;
	CHECK(t->cells_seen < t->cells);
	return ++t->cells_seen;
}

static size_t
room(const struct table *t, const struct trk_kept *k)
{
	return (cells_of(k->bytes) + t->free_cells + (t->cells - t->cells_seen)) * TRK_CELL_BYTES;
}

static void
give_chain(struct table *t, struct stage *st, uint32_t *link)
{
	for (uint32_t k = *link; k != 0;) {
		struct trk_cell *cell = &t->cell[k - 1];
		stage_touch(st, cell, sizeof *cell);
		t->free_cell[t->free_cells++] = k - 1;
		k = cell->next;
	}
	*link = 0;
}

static void
write_chain(struct table *t, struct stage *st, struct trk_kept *k, const uint8_t *list, size_t n)
{
	uint32_t *link = &k->first;
	stage_touch(st, k, sizeof *k);
	for (size_t at = 0; at < n; at += TRK_CELL_BYTES) {
		size_t part = n - at < TRK_CELL_BYTES ? n - at : TRK_CELL_BYTES;
		bool fresh = *link == 0;
		if (fresh)
			*link = take(t);
		struct trk_cell *cell = &t->cell[*link - 1];
		if (fresh)
			cell->next = 0;
		else
			stage_touch(st, cell, sizeof *cell);
		memcpy(cell->bytes, list + at, part);
		link = &cell->next;
	}
	give_chain(t, st, link);
	k->bytes = (uint32_t)n;
}

/* The list lies in the ring behind the record's other slots, and may go round its end. */
static size_t
gather(const struct session_flow *in, uint8_t *list)
{
	const size_t each = sizeof(struct ft_flow);
	size_t n = in->f->element_bytes < FT_ELEMENTS_MOST ? in->f->element_bytes : FT_ELEMENTS_MOST;
	for (size_t at = 0, k = 0; at < n; at += each, k++)
		memcpy(list + at, ring_slot(in->ring, in->elements + k), n - at < each ? n - at : each);
	return n;
}

static int
compare_sides(const uint8_t a[16], uint16_t a_port, const uint8_t b[16], uint16_t b_port)
{
	int d = memcmp(a, b, 16);
	return d ? d : (a_port > b_port) - (a_port < b_port);
}

void
kept_merge(struct core *c, uint32_t slot, const struct session_flow *in)
{
	struct table *t = &c->t;
	uint8_t says[FT_ELEMENTS_MOST], list[FT_ELEMENTS_MOST];
	bool changed = false;
	if (t->cells == 0 || c->set->element_bytes == 0)
		return;
	struct trk_entry *e = &t->entry[slot];
	struct trk_kept *k = &t->kept[slot];
	size_t n = gather(in, says), have = read_chain(k, t->cell, list), most = room(t, k);
	const struct table_key *key = &in->key;
	bool lower = compare_sides(key->src, key->port.src, key->dst, key->port.dst) <= 0;
	most = most < c->set->element_bytes ? most : c->set->element_bytes;
	have = element_merge(list, have, most, says, n, lower ? FT_SAID_A : FT_SAID_B, &changed,
		&c->st.next.counter[TRK_N_ELEMENTS_DROPPED]);
	if (!changed)
		return;
	if (e->state & TRK_STORED)
		e->state |= TRK_CUT; /* a filter may select only some of its slices */
	write_chain(t, &c->st, k, list, have);
}

size_t
kept_slice(const struct core *c, uint32_t slot, uint8_t out[FT_ELEMENTS_MOST])
{
	const struct table *t = &c->t;
	uint8_t list[FT_ELEMENTS_MOST];
	if (t->cells == 0 || t->kept[slot].bytes == 0 || c->set->element_bytes == 0)
		return 0;
	const struct trk_entry *e = &t->entry[slot];
	size_t n = read_chain(&t->kept[slot], t->cell, list);
	bool swap = compare_sides(e->client, e->client_port, e->server, e->server_port) > 0;
	return element_copy(out, c->set->element_bytes, list, n, swap);
}

size_t
kept_alone(struct core *c, const struct session_flow *in, bool from_client, uint8_t list[FT_ELEMENTS_MOST])
{
	uint8_t says[FT_ELEMENTS_MOST];
	bool changed;
	if (in->ring == NULL || c->set->element_bytes == 0)
		return 0;
	return element_merge(list, 0, c->set->element_bytes, says, gather(in, says),
		from_client ? FT_SAID_A : FT_SAID_B, &changed, &c->st.next.counter[TRK_N_ELEMENTS_DROPPED]);
}

void
kept_give(struct table *t, struct stage *st, uint32_t slot)
{
	struct trk_kept *k = &t->kept[slot];
	if (k->bytes == 0)
		return;
	stage_touch(st, k, sizeof *k);
	give_chain(t, st, &k->first);
	k->bytes = 0;
}

void
kept_copy(const struct table *t, uint32_t from, struct trk_header *h, uint32_t to, uint32_t *next)
{
	uint8_t list[FT_ELEMENTS_MOST];
	struct trk_kept *kept = (struct trk_kept *)((uint8_t *)h + h->kept);
	struct trk_cell *cell = (struct trk_cell *)((uint8_t *)h + h->cell);
	size_t n = t->cells ? read_chain(&t->kept[from], t->cell, list) : 0;
	if (n == 0 || cells_of(n) > h->cells - *next)
		return;
	uint32_t *link = &kept[to].first;
	for (size_t at = 0; at < n; at += TRK_CELL_BYTES) {
		struct trk_cell *k = &cell[*next];
		*link = ++*next;
		memcpy(k->bytes, list + at, n - at < TRK_CELL_BYTES ? n - at : TRK_CELL_BYTES);
		link = &k->next;
	}
	kept[to].bytes = (uint32_t)n;
}

void
kept_mark(const struct table *t, uint32_t slot, uint64_t *used)
{
	size_t cells = cells_of(t->kept[slot].bytes);
	uint32_t k = t->kept[slot].first;
	for (; cells > 0; cells--, k = t->cell[k - 1].next) {
		CHECK(k > 0 && k <= t->cells);
		used[(k - 1) >> 6] |= UINT64_C(1) << ((k - 1) & 63);
	}
	CHECK(k == 0);
}
