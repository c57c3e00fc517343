/*
 * parquet.c - see parquet.h.
 *
 * A Parquet file is "PAR1", pages, and at the end what is where: a FileMetaData in Thrift's compact protocol, its length and "PAR1"
 * once more (github.com/apache/parquet-format: README, Encodings.md, Thrift definitions).  Thrift's compact protocol: a
 * field is a byte of (id - last id) << 4 | type, numbers are zigzag varints, a list has a byte of size << 4 | type.
 */
#include "cli/parquet.h"

#include <stdlib.h>
#include <string.h>

enum { PHYSICAL_BOOLEAN = 0, PHYSICAL_INT32 = 1, PHYSICAL_INT64 = 2, PHYSICAL_BYTES = 6 };
enum { PLAIN = 0, RLE = 3, RLE_DICTIONARY = 8 };
enum { DATA_PAGE = 0, DICTIONARY_PAGE = 2 };
enum { T_I32 = 5, T_I64 = 6, T_BINARY = 8, T_LIST = 9, T_STRUCT = 12 };
static const struct {
	uint8_t physical, converted; /* ConvertedType; 255 none */
} kinds[] = {
	[PARQUET_TEXT] = {PHYSICAL_BYTES, 0},
	[PARQUET_JSON] = {PHYSICAL_BYTES, 19},
	[PARQUET_UINT32] = {PHYSICAL_INT32, 13},
	[PARQUET_UINT64] = {PHYSICAL_INT64, 14},
	[PARQUET_TIME] = {PHYSICAL_INT64, 10},
	[PARQUET_BOOL] = {PHYSICAL_BOOLEAN, 255},
};

struct bytes {
	uint8_t *p;
	size_t n, room;
};

/* Distinct values of a column and group, by an open hash table: numbers, or texts in one heap. */
enum { DISTINCT_MOST = 32768, SLOTS = 4 * DISTINCT_MOST };
struct column {
	struct parquet_column is;
	uint64_t *number; /* of the group's rows: numbers, or offset of the text in heap << 24 | its length */
	uint8_t *present; /* of the group's rows */
	struct bytes heap; /* all texts of the group */
	bool set;          /* has a value in the current row */
	uint32_t present_rows;
};
struct chunk { /* what the end of the file says of a column and group */
	uint64_t data_at, dictionary_at, bytes, values; /* dictionary_at 0: none */
};
struct parquet {
	FILE *to;
	unsigned n;
	struct column *column;
	uint32_t rows;
	uint64_t all, at; /* rows and bytes written */
	struct chunk *chunk;
	uint32_t *group_rows;
	size_t groups;
	bool failed;
	struct bytes page, out;
	uint32_t *slot;     /* SLOTS: distinct value + 1 */
	uint32_t *distinct; /* row of the first with it */
	uint32_t *code;     /* of the group's rows */
};

/* ---- bytes ----------------------------------------------------------------------------------------- */

static uint8_t *
more(struct parquet *p, struct bytes *b, size_t n)
{
	if (b->room - b->n < n) {
		size_t room = b->room * 2 + n + 4096;
		uint8_t *q = realloc(b->p, room);
		if (q == NULL) {
			p->failed = true;
			return NULL;
		}
		b->p = q;
		b->room = room;
	}
	b->n += n;
	return b->p + b->n - n;
}

static void
put(struct parquet *p, struct bytes *b, const void *from, size_t n)
{
	uint8_t *to = more(p, b, n);
	if (to != NULL && n > 0)
		memcpy(to, from, n);
}

static void
put_byte(struct parquet *p, struct bytes *b, unsigned v)
{
	uint8_t x = (uint8_t)v;
	put(p, b, &x, 1);
}

static void
put_le(struct parquet *p, struct bytes *b, uint64_t v, unsigned bytes)
{
	uint8_t x[8];
	for (unsigned i = 0; i < 8; i++)
		x[i] = (uint8_t)(v >> 8 * i);
	put(p, b, x, bytes);
}

static void
put_varint(struct parquet *p, struct bytes *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		put_byte(p, b, (unsigned)(v & 127) | 128);
	put_byte(p, b, (unsigned)v);
}

/* ---- Thrift ---------------------------------------------------------------------------------------- */

struct thrift {
	struct parquet *p;
	struct bytes *b;
	unsigned last; /* field of the current struct */
};

static void
field(struct thrift *t, unsigned id, unsigned type)
{
	put_byte(t->p, t->b, (id - t->last) << 4 | type);
	t->last = id;
}

static void
number(struct thrift *t, unsigned id, unsigned type, int64_t v)
{
	field(t, id, type);
	put_varint(t->p, t->b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static void
text(struct thrift *t, const char *s)
{
	put_varint(t->p, t->b, strlen(s));
	put(t->p, t->b, s, strlen(s));
}

static void
list(struct thrift *t, unsigned id, unsigned type, size_t n)
{
	field(t, id, T_LIST);
	if (n < 15) {
		put_byte(t->p, t->b, (unsigned)n << 4 | type);
	} else {
		put_byte(t->p, t->b, 0xf0 | type);
		put_varint(t->p, t->b, n);
	}
}

static struct thrift
inside(const struct thrift *t)
{
	return (struct thrift){t->p, t->b, 0};
}

static void
end(struct thrift *t)
{
	put_byte(t->p, t->b, 0);
}

/* ---- pages ----------------------------------------------------------------------------------------- */

/* Codes or levels, as one bit-packed run of groups of eight, lowest bit first. */
static void
put_packed(struct parquet *p, const uint32_t *v, uint32_t n, unsigned bits)
{
	uint32_t groups = (n + 7) / 8;
	put_varint(p, &p->page, (uint64_t)groups << 1 | 1);
	uint8_t *to = more(p, &p->page, (size_t)groups * bits);
	if (to == NULL)
		return;
	memset(to, 0, (size_t)groups * bits);
	for (uint64_t i = 0, at = 0; i < n; i++)
		for (unsigned k = 0; k < bits; k++, at++)
			to[at / 8] |= (uint8_t)((v[i] >> k & 1) << at % 8);
}

/* Definition levels: 1 where there is a value. */
static void
put_levels(struct parquet *p, const struct column *c)
{
	size_t start = p->page.n;
	put_le(p, &p->page, 0, 4);
	if (c->present_rows == p->rows || c->present_rows == 0) {
		put_varint(p, &p->page, (uint64_t)p->rows << 1);
		put_byte(p, &p->page, c->present_rows != 0);
	} else {
		for (uint32_t i = 0; i < p->rows; i++)
			p->code[i] = c->present[i];
		put_packed(p, p->code, p->rows, 1);
	}
	uint32_t n = (uint32_t)(p->page.n - start - 4);
	if (!p->failed)
		for (unsigned i = 0; i < 4; i++)
			p->page.p[start + i] = (uint8_t)(n >> 8 * i);
}

static bool
is_text(const struct column *c)
{
	return kinds[c->is.type].physical == PHYSICAL_BYTES;
}

static void
put_value(struct parquet *p, const struct column *c, uint32_t row)
{
	uint64_t v = c->number[row];
	if (is_text(c)) {
		put_le(p, &p->page, v & 0xffffff, 4);
		put(p, &p->page, c->heap.p + (v >> 24), v & 0xffffff);
	} else {
		put_le(p, &p->page, v, kinds[c->is.type].physical == PHYSICAL_INT32 ? 4 : 8);
	}
}

static uint64_t
hash_value(const struct column *c, uint32_t row)
{
	uint64_t v = c->number[row], h = UINT64_C(0xcbf29ce484222325);
	if (!is_text(c))
		return v * UINT64_C(0x9e3779b97f4a7c15) >> 40;
	for (size_t i = 0, n = v & 0xffffff; i < n; i++)
		h = (h ^ c->heap.p[(v >> 24) + i]) * UINT64_C(0x100000001b3);
	return h >> 20;
}

static bool
same_value(const struct column *c, uint32_t a, uint32_t b)
{
	uint64_t x = c->number[a], y = c->number[b];
	if (!is_text(c))
		return x == y;
	return (x & 0xffffff) == (y & 0xffffff) &&
	       memcmp(c->heap.p + (x >> 24), c->heap.p + (y >> 24), x & 0xffffff) == 0;
}

/* Codes of the rows that have a value, in p->code; how many values there are, 0: too many for a dictionary. */
static uint32_t
find_distinct(struct parquet *p, const struct column *c)
{
	uint32_t n = 0, rows = 0,
		 most = c->present_rows / 2 < DISTINCT_MOST ? c->present_rows / 2 + 1 : DISTINCT_MOST;
	if (c->is.type == PARQUET_BOOL)
		return 0;
	memset(p->slot, 0, SLOTS * sizeof *p->slot);
	for (uint32_t i = 0; i < p->rows; i++) {
		if (!c->present[i])
			continue;
		uint32_t at = (uint32_t)(hash_value(c, i) % SLOTS);
		while (p->slot[at] != 0 && !same_value(c, p->distinct[p->slot[at] - 1], i))
			at = (at + 1) % SLOTS;
		if (p->slot[at] == 0) {
			if (n == most)
				return 0;
			p->distinct[n++] = i;
			p->slot[at] = n;
		}
		p->code[rows++] = p->slot[at] - 1;
	}
	return n;
}

static void
write_page(struct parquet *p, int type, uint32_t values, int encoding)
{
	struct thrift t = {p, &p->out, 0};
	p->out.n = 0;
	number(&t, 1, T_I32, type);
	number(&t, 2, T_I32, (int64_t)p->page.n);
	number(&t, 3, T_I32, (int64_t)p->page.n);
	field(&t, type == DATA_PAGE ? 5 : 7, T_STRUCT);
	struct thrift h = inside(&t);
	number(&h, 1, T_I32, values);
	number(&h, 2, T_I32, encoding);
	if (type == DATA_PAGE) {
		number(&h, 3, T_I32, RLE);
		number(&h, 4, T_I32, RLE);
	}
	end(&h);
	end(&t);
	if (p->failed || fwrite(p->out.p, 1, p->out.n, p->to) != p->out.n ||
		(p->page.n > 0 && fwrite(p->page.p, 1, p->page.n, p->to) != p->page.n))
		p->failed = true;
	p->at += p->out.n + p->page.n;
	p->page.n = 0;
}

static unsigned
width(uint32_t v)
{
	return v ? 32 - (unsigned)__builtin_clz(v) : 0;
}

static void
write_column(struct parquet *p, struct column *c, struct chunk *k)
{
	uint64_t start = p->at;
	*k = (struct chunk){.values = p->rows};
	uint32_t distinct = find_distinct(p, c);
	if (distinct > 0) {
		k->dictionary_at = p->at;
		for (uint32_t i = 0; i < distinct; i++)
			put_value(p, c, p->distinct[i]);
		write_page(p, DICTIONARY_PAGE, distinct, PLAIN);
	}
	k->data_at = p->at;
	put_levels(p, c);
	if (distinct > 0) {
		unsigned bits = distinct > 1 ? width(distinct - 1) : 1;
		find_distinct(p, c); /* the levels have used the room of the codes */
		put_byte(p, &p->page, bits);
		put_packed(p, p->code, c->present_rows, bits);
	} else if (c->is.type == PARQUET_BOOL) {
		uint8_t *to = more(p, &p->page, (c->present_rows + 7) / 8);
		if (to != NULL)
			memset(to, 0, (c->present_rows + 7) / 8);
		for (uint32_t i = 0, at = 0; to != NULL && i < p->rows; i++)
			if (c->present[i]) {
				to[at / 8] |= (uint8_t)((c->number[i] & 1) << at % 8);
				at++;
			}
	} else {
		for (uint32_t i = 0; i < p->rows; i++)
			if (c->present[i])
				put_value(p, c, i);
	}
	write_page(p, DATA_PAGE, p->rows, distinct > 0 ? RLE_DICTIONARY : PLAIN);
	k->bytes = p->at - start;
	c->heap.n = 0;
	c->present_rows = 0;
}

static void
write_group(struct parquet *p)
{
	struct chunk *chunks = realloc(p->chunk, (p->groups + 1) * p->n * sizeof *chunks);
	if (chunks != NULL)
		p->chunk = chunks;
	uint32_t *rows = realloc(p->group_rows, (p->groups + 1) * sizeof *rows);
	if (rows != NULL)
		p->group_rows = rows;
	if (chunks == NULL || rows == NULL) {
		p->failed = true;
		return;
	}
	rows[p->groups] = p->rows;
	for (unsigned c = 0; c < p->n && !p->failed; c++)
		write_column(p, &p->column[c], &p->chunk[p->groups * p->n + c]);
	p->groups++;
	p->all += p->rows;
	p->rows = 0;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static bool
column_rooms(struct column *c)
{
	c->number = malloc(PARQUET_GROUP * sizeof *c->number);
	c->present = malloc(PARQUET_GROUP);
	return c->number != NULL && c->present != NULL;
}

static void
parquet_free(struct parquet *p)
{
	for (unsigned c = 0; p->column != NULL && c < p->n; c++) {
		free(p->column[c].number);
		free(p->column[c].present);
		free(p->column[c].heap.p);
	}
	free(p->column);
	free(p->chunk);
	free(p->group_rows);
	free(p->page.p);
	free(p->out.p);
	free(p->slot);
	free(p->distinct);
	free(p->code);
	free(p);
}

struct parquet *
parquet_open(FILE *to, const struct parquet_column *columns, unsigned n)
{
	struct parquet *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->to = to;
	p->n = n;
	p->column = calloc(n, sizeof *p->column);
	p->slot = malloc(SLOTS * sizeof *p->slot);
	p->distinct = malloc(DISTINCT_MOST * sizeof *p->distinct);
	p->code = malloc((PARQUET_GROUP + 8) * sizeof *p->code);
	bool ok = p->column != NULL && p->slot != NULL && p->distinct != NULL && p->code != NULL;
	for (unsigned c = 0; ok && c < n; c++) {
		p->column[c].is = columns[c];
		ok = column_rooms(&p->column[c]);
	}
	if (!ok) {
		parquet_free(p);
		return NULL;
	}
	return p;
}

void
parquet_number(struct parquet *p, unsigned column, uint64_t v)
{
	struct column *c = &p->column[column];
	c->number[p->rows] = v;
	c->set = true;
}

void
parquet_text(struct parquet *p, unsigned column, const char *s, size_t n)
{
	struct column *c = &p->column[column];
	if (n > 0xffffff)
		n = 0xffffff;
	c->number[p->rows] = (uint64_t)c->heap.n << 24 | n;
	put(p, &c->heap, s, n);
	c->set = true;
}

bool
parquet_row(struct parquet *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct column *c = &p->column[i];
		c->present[p->rows] = c->set;
		c->present_rows += c->set;
		c->set = false;
	}
	if (p->all == 0 && p->rows == 0 && p->at == 0) {
		p->failed |= fwrite("PAR1", 1, 4, p->to) != 4;
		p->at = 4;
	}
	if (++p->rows == PARQUET_GROUP)
		write_group(p);
	return !p->failed;
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void
put_schema(struct thrift *t)
{
	struct parquet *p = t->p;
	list(t, 2, T_STRUCT, p->n + 1);
	struct thrift root = inside(t);
	field(&root, 4, T_BINARY);
	text(&root, "sessions");
	number(&root, 5, T_I32, p->n);
	end(&root);
	for (unsigned i = 0; i < p->n; i++) {
		const struct parquet_column *c = &p->column[i].is;
		struct thrift e = inside(t);
		number(&e, 1, T_I32, kinds[c->type].physical);
		number(&e, 3, T_I32, 1); /* optional */
		field(&e, 4, T_BINARY);
		text(&e, c->name);
		if (kinds[c->type].converted != 255)
			number(&e, 6, T_I32, kinds[c->type].converted);
		end(&e);
	}
}

static void
put_chunk(struct thrift *t, const struct parquet_column *c, const struct chunk *k)
{
	uint64_t start = k->dictionary_at ? k->dictionary_at : k->data_at;
	struct thrift outer = inside(t);
	number(&outer, 2, T_I64, (int64_t)start);
	field(&outer, 3, T_STRUCT);
	struct thrift m = inside(t);
	number(&m, 1, T_I32, kinds[c->type].physical);
	list(&m, 2, T_I32, k->dictionary_at ? 3 : 2);
	put_varint(t->p, t->b, RLE << 1);
	put_varint(t->p, t->b, PLAIN << 1);
	if (k->dictionary_at)
		put_varint(t->p, t->b, RLE_DICTIONARY << 1);
	list(&m, 3, T_BINARY, 1);
	text(&m, c->name);
	number(&m, 4, T_I32, 0); /* not compressed */
	number(&m, 5, T_I64, (int64_t)k->values);
	number(&m, 6, T_I64, (int64_t)k->bytes);
	number(&m, 7, T_I64, (int64_t)k->bytes);
	number(&m, 9, T_I64, (int64_t)k->data_at);
	if (k->dictionary_at)
		number(&m, 11, T_I64, (int64_t)k->dictionary_at);
	end(&m);
	end(&outer);
}

static void
put_groups(struct thrift *t)
{
	struct parquet *p = t->p;
	list(t, 4, T_STRUCT, p->groups);
	for (size_t g = 0; g < p->groups; g++) {
		struct thrift r = inside(t);
		uint64_t bytes = 0;
		list(&r, 1, T_STRUCT, p->n);
		for (unsigned c = 0; c < p->n; c++) {
			put_chunk(t, &p->column[c].is, &p->chunk[g * p->n + c]);
			bytes += p->chunk[g * p->n + c].bytes;
		}
		number(&r, 2, T_I64, (int64_t)bytes);
		number(&r, 3, T_I64, p->group_rows[g]);
		end(&r);
	}
}

bool
parquet_close(struct parquet *p)
{
	if (p->rows > 0 && !p->failed)
		write_group(p);
	if (p->at == 0)
		p->failed |= fwrite("PAR1", 1, 4, p->to) != 4;
	p->page.n = 0;
	struct thrift t = {p, &p->page, 0};
	number(&t, 1, T_I32, 1);
	put_schema(&t);
	number(&t, 3, T_I64, (int64_t)p->all);
	put_groups(&t);
	field(&t, 6, T_BINARY);
	text(&t, "Flowtrove");
	end(&t);
	put_le(p, &p->page, p->page.n, 4);
	put(p, &p->page, "PAR1", 4);
	bool ok = !p->failed && fwrite(p->page.p, 1, p->page.n, p->to) == p->page.n && fflush(p->to) == 0;
	parquet_free(p);
	return ok;
}
