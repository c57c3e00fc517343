/*
 * encode.c - see encode.h.
 */
#include "proxy/encode.h"

#include <string.h>

static size_t
put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
	return 2;
}

static size_t
put32(uint8_t *to, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(to, &v, 4);
	return 4;
}

static size_t
put64(uint8_t *to, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(to, &v, 8);
	return 8;
}

/* the rows of a template: their groups, as bits */
static unsigned
groups_of(unsigned id)
{
	unsigned k = id - ENCODE_TEMPLATE;
	return id == ENCODE_INTERFACE
		       ? (unsigned)PROXIED_IFC
		       : (k & 1 ? (unsigned)PROXIED_V6 : (unsigned)PROXIED_V4) |
				 (k & 2 ? (unsigned)PROXIED_EXT : 0u) | (k & 4 ? (unsigned)PROXIED_KEPT : 0u);
}

/* A template as steps: what its rows say, worked out once.  Most of what an IPFIX record costs is to find out what comes next. */
enum op { ONE, TWO, FOUR, EIGHT, SIX, SIXTEEN, LAST_FOUR, TIME, TEXT };
struct step {
	uint8_t op, base;
	uint16_t offset;
};
enum { STEPS = 64, PLANS = ENCODE_INTERFACE - ENCODE_TEMPLATE + 1 };
static struct plan {
	unsigned n;
	struct step step[STEPS];
} plans[PLANS];

static enum op
op_of(const struct proxied_row *r)
{
	switch (r->kind) {
	case PROXIED_NTP:
		return TIME;
	case PROXIED_MAPPED:
		return LAST_FOUR;
	case PROXIED_TEXTUAL:
		return TEXT;
	default:
		break;
	}
	CHECK(r->width == 16 || r->width <= 8);
	return r->width == 16  ? SIXTEEN
	       : r->width == 8 ? EIGHT
	       : r->width == 6 ? SIX
	       : r->width == 4 ? FOUR
	       : r->width == 2 ? TWO
			       : ONE;
}

static void
make_plans(void)
{
	for (unsigned id = ENCODE_TEMPLATE; id <= ENCODE_INTERFACE; id++) {
		struct plan *p = &plans[id - ENCODE_TEMPLATE];
		for (unsigned i = 0; i < proxied_row_count && id != ENCODE_OPTIONS; i++) {
			const struct proxied_row *r = &proxied_rows[i];
			if (!(r->group & groups_of(id)))
				continue;
			CHECK(p->n < STEPS);
			p->step[p->n++] = (struct step){(uint8_t)op_of(r), r->base, r->offset};
		}
	}
}

/* RFC 7011 section 7: one byte of length, or 255 and two */
static uint8_t *
text(uint8_t *to, const struct proxied_text *t)
{
	if (t->n < 255)
		*to++ = (uint8_t)t->n;
	else {
		*to++ = 255;
		to += put16(to, t->n);
	}
	if (t->n)
		memcpy(to, t->p, t->n);
	return to + t->n;
}

static uint8_t *
field(uint8_t *to, enum op op, const uint8_t *from)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;
	switch (op) {
	case ONE:
		*to = *from;
		return to + 1;
	case TWO:
		memcpy(&two, from, 2);
		return to + put16(to, two);
	case FOUR:
		memcpy(&four, from, 4);
		return to + put32(to, four);
	case EIGHT:
		memcpy(&eight, from, 8);
		return to + put64(to, eight);
	case SIX:
		memcpy(to, from, 6);
		return to + 6;
	case SIXTEEN:
		memcpy(to, from, 16);
		return to + 16;
	case LAST_FOUR:
		memcpy(to, from + 12, 4);
		return to + 4;
	case TIME:
		memcpy(&eight, from, 8);
		return to + put64(to, proxied_ntp((int64_t)eight));
	default:
		return text(to, (const struct proxied_text *)(const void *)from);
	}
}

void
encode_begin(struct encoder *e)
{
	e->n = e->set = 0;
	e->id = 0;
	e->records = 0;
	if (plans[0].n == 0)
		make_plans();
}

void
encode_end(struct encoder *e)
{
	if (e->id)
		put16(e->sets + e->set + 2, (unsigned)(e->n - e->set));
}

static void
begin_set(struct encoder *e, unsigned id)
{
	encode_end(e);
	e->set = e->n;
	e->id = id;
	e->n += put16(e->sets + e->n, id);
	e->n += put16(e->sets + e->n, 0);
}

static bool
record(struct encoder *e, unsigned id, const struct ft_flow *f, const struct ft_flow_ext *x,
	const struct proxied_origin *o)
{
	const uint8_t *base[] = {[PROXIED_BASE_f] = (const uint8_t *)f,
		[PROXIED_BASE_x] = (const uint8_t *)x,
		[PROXIED_BASE_o] = (const uint8_t *)o};
	const struct plan *plan = &plans[id - ENCODE_TEMPLATE];
	if (e->n + ENCODE_RECORD + o->elements.n > sizeof e->sets)
		return false;
	if (e->id != id)
		begin_set(e, id);
	uint8_t *to = e->sets + e->n;
	for (const struct step *k = plan->step, *end = k + plan->n; k < end; k++)
		to = field(to, k->op, base[k->base] + k->offset);
	e->n = (size_t)(to - e->sets);
	e->records++;
	return true;
}

bool
encode_flow(struct encoder *e, const struct ft_flow *f, const struct ft_flow_ext *x,
	const struct proxied_origin *o)
{
	unsigned id = ENCODE_TEMPLATE + (f->bits & FT_FLOW_V6 ? 1u : 0u) + (f->bits & FT_FLOW_EXT ? 2u : 0u) +
		      (o->elements.n ? 4u : 0u);
	return record(e, id, f, x, o);
}

bool
encode_interface(struct encoder *e, const struct ft_flow *f, const struct proxied_origin *o)
{
	return record(e, ENCODE_INTERFACE, f, NULL, o);
}

/* ---- messages --------------------------------------------------------------------------------- */

size_t
encode_header(uint8_t *to, size_t message_bytes, uint32_t export_s, uint32_t sequence, uint32_t domain)
{
	size_t n = put16(to, 10);
	n += put16(to + n, (unsigned)message_bytes);
	n += put32(to + n, export_s);
	n += put32(to + n, sequence);
	return n + put32(to + n, domain);
}

static size_t
specifier(uint8_t *to, uint32_t pen, unsigned id, unsigned length)
{
	size_t n = put16(to, pen ? id | 0x8000 : id);
	n += put16(to + n, length);
	return pen ? n + put32(to + n, pen) : n;
}

static size_t
one_template(uint8_t *to, unsigned id)
{
	size_t n = 4;
	unsigned fields = 0;
	for (unsigned i = 0; i < proxied_row_count; i++) {
		const struct proxied_row *r = &proxied_rows[i];
		if (!(r->group & groups_of(id)))
			continue;
		n += specifier(to + n, r->pen, r->id, r->length);
		fields++;
	}
	put16(to, id);
	put16(to + 2, fields);
	return n;
}

size_t
encode_templates(uint8_t to[ENCODE_TEMPLATE_BYTES])
{
	size_t n = 4;
	for (unsigned i = 0; i < ENCODE_FLOWS; i++)
		n += one_template(to + n, ENCODE_TEMPLATE + i);
	n += one_template(to + n, ENCODE_INTERFACE);
	put16(to, 2);
	put16(to + 2, (unsigned)n);
	size_t at = n;
	n += put16(to + n, 3); /* options template set: id, fields, of which scopes */
	n += put16(to + n, 0);
	n += put16(to + n, ENCODE_OPTIONS);
	n += put16(to + n, 4);
	n += put16(to + n, 1);
	n += specifier(to + n, PROXIED_PEN, PROXIED_STREAM, 8);
	n += specifier(to + n, PROXIED_PEN, PROXIED_POSITION, 8);
	n += specifier(to + n, PROXIED_PEN, PROXIED_FLOWS, 4);
	n += specifier(to + n, PROXIED_PEN, 6, 16); /* proxyGuid */
	put16(to + at + 2, (unsigned)(n - at));
	return n;
}

size_t
encode_options(uint8_t *to, uint64_t stream, uint64_t position, uint32_t records, const uint8_t guid[16])
{
	size_t n = put16(to, ENCODE_OPTIONS);
	n += put16(to + n, ENCODE_OPTIONS_SET);
	n += put64(to + n, stream);
	n += put64(to + n, position);
	n += put32(to + n, records);
	memcpy(to + n, guid, 16);
	return n + 16;
}
