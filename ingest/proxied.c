/*
 * proxied.c - see proxied.h.
 */
#include "ingest/proxied.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/element_list.h"
#include "ingest/interface.h"
#include "ingest/kept.h"
#include "ingest/setting.h"

enum { SECOND = 1000000, STREAMS = 4096, AHEAD_S = 600 };
#define NTP_1970 UINT64_C(2208988800)

#define OWN PROXIED_PEN
#define FLOW PROXIED_FLOW
#define V4 PROXIED_V4
#define V6 PROXIED_V6
#define EXT PROXIED_EXT
#define KEPT PROXIED_KEPT
#define IFC PROXIED_IFC
#define EACH PROXIED_EACH
#define NUM PROXIED_NUM
#define RAW PROXIED_RAW
#define MAPPED PROXIED_MAPPED
#define NTP PROXIED_NTP
#define TEXT PROXIED_TEXTUAL
#define OF_f struct ft_flow
#define OF_x struct ft_flow_ext
#define OF_o struct proxied_origin
const struct proxied_row proxied_rows[] = {
#define PROXIED(group, pen, id, length, kind, base, field, name)                                             \
	{group, kind, PROXIED_BASE_##base, sizeof(((OF_##base *)0)->field), id, length,                      \
		offsetof(OF_##base, field), pen},
#include "ingest/proxied.def"
#undef PROXIED
};
const unsigned proxied_row_count = sizeof proxied_rows / sizeof proxied_rows[0];

/* one origin that flows of the datagram come from */
struct origin {
	uint32_t exporter, domain, sampling;
	uint8_t version;
	uint64_t flows;
};
struct stream {
	uint64_t id, next;
};

struct proxied {
	struct origin *origin;
	unsigned n_origins, room;
	wall_t arrived;
	struct stream stream[STREAMS];
	unsigned n_streams;
	bool loaded, numbered, due;
	uint64_t ack_stream, ack_next;
	/* the latest exporter, so that not every flow has to be looked up */
	uint8_t key[32];
	uint32_t id;
};

/* The bottom 11 bits are zero (RFC 7011 section 6.1.9); rounding up keeps the microsecond. */
uint64_t
proxied_ntp(int64_t us)
{
	uint64_t s = (uint64_t)us / SECOND, part = (uint64_t)us % SECOND;
	uint64_t fraction = ((part << 32) / SECOND + 2047 + (part != 0)) & ~UINT64_C(2047);
	return ((s + NTP_1970) << 32) + (part ? fraction : 0);
}

int64_t
proxied_us(uint64_t ntp)
{
	uint64_t s = (ntp >> 32) - NTP_1970, part = (ntp & UINT32_MAX) * SECOND >> 32;
	return (int64_t)((s & UINT32_MAX) * SECOND + part);
}

static struct proxied *
state(struct decoder *d)
{
	if (d->proxied == NULL)
		d->proxied = calloc(1, sizeof *d->proxied);
	return d->proxied;
}

void
proxied_free(struct decoder *d)
{
	if (d->proxied)
		free(d->proxied->origin);
	free(d->proxied);
	d->proxied = NULL;
}

bool
proxied_is(const struct message *m, const struct template *t)
{
	unsigned id = t->n_fields > 0 && t->field[0].pen == PROXIED_PEN ? t->field[0].id : 0;
	return (t->options ? id == PROXIED_STREAM : id == PROXIED_BITS || id == PROXIED_SPEED) &&
	       m->version == 10 && m->d->sink.proxied != NULL;
}

/* ---- streams ---------------------------------------------------------------------------------- */

static struct stream *
stream_of(struct proxied *p, uint64_t id)
{
	for (unsigned i = 0; i < p->n_streams; i++)
		if (p->stream[i].id == id)
			return &p->stream[i];
	if (p->n_streams == STREAMS)
		return NULL;
	p->stream[p->n_streams] = (struct stream){.id = id};
	return &p->stream[p->n_streams++];
}

/* What the slots say; several may be of one stream. */
static void
load(struct decoder *d, struct proxied *p)
{
	p->loaded = true;
	for (uint64_t i = 0; i < *d->n_sources; i++) {
		const struct ft_source *s = &d->source[i];
		if (!(s->flags & FT_SOURCE_PROXY))
			continue;
		struct stream *k = stream_of(p, s->proxy_stream);
		if (k && k->next < s->proxy_next)
			k->next = s->proxy_next;
	}
}

void
proxied_options(struct message *m, const struct template *t, const uint8_t *bytes, size_t n)
{
	struct proxied *p = state(m->d);
	struct cursor c = cursor_of(bytes, n);
	uint64_t v[4] = {0};
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct template_field *f = &t->field[i];
		if (f->length == PROGRAM_VARIABLE)
			return;
		if (f->pen == PROXIED_PEN && f->id >= PROXIED_STREAM && f->id <= PROXIED_FLOWS &&
			f->length <= 8)
			v[f->id - PROXIED_STREAM] = cursor_uint(&c, f->length);
		else
			cursor_skip(&c, f->length);
	}
	if (c.bad || v[0] == 0 || p == NULL || m->replay)
		return;
	if (!p->loaded)
		load(m->d, p);
	const struct stream *k = stream_of(p, v[0]);
	struct ft_source *s = &m->d->work;
	if (k == NULL) {
		m->d->totals.bound_hits++;
		return;
	}
	uint64_t position = v[1], after = position + v[2];
	m->passed_over = k->next >= after;
	if (m->passed_over && v[2] > 0)
		s->duplicates++;
	/* the first of a stream that nobody remembers begins anywhere */
	if (k->next > 0 && position > k->next) {
		s->sequence_gaps += position - k->next;
		m->d->totals.sequence_gaps += position - k->next;
	}
	s->flags |= FT_SOURCE_PROXY;
	s->proxy_stream = v[0];
	s->proxy_next = m->passed_over ? k->next : after;
	p->numbered = true;
}

/* ---- flows ------------------------------------------------------------------------------------ */

/* Fields come in the order of the rows, so the next one is near: looked for from *at on. */
static const struct proxied_row *
row_of(const struct template_field *f, unsigned *at)
{
	for (unsigned i = 0; i < proxied_row_count; i++) {
		const struct proxied_row *r = &proxied_rows[*at];
		*at = *at + 1 == proxied_row_count ? 0 : *at + 1;
		if (r->id == f->id && r->pen == f->pen)
			return r;
	}
	return NULL;
}

static void
put(uint8_t *to, unsigned width, uint64_t v)
{
	uint8_t one = (uint8_t)v;
	uint16_t two = (uint16_t)v;
	uint32_t four = (uint32_t)v;
	const void *from = width == 1   ? (void *)&one
			   : width == 2 ? (void *)&two
			   : width == 4 ? (void *)&four
					: &v;
	memcpy(to, from, width);
}

/* a field of n bytes into its place; false: of a length that it can't have */
static bool
take(const struct proxied_row *r, uint8_t *to, struct cursor *c, size_t n)
{
	const uint8_t *p;
	uint64_t v;
	switch (r->kind) {
	case PROXIED_NUM:
		if (n > 8)
			return false;
		put(to, r->width, cursor_uint(c, n));
		return !c->bad;
	case PROXIED_NTP:
		v = n == 8 ? (uint64_t)proxied_us(cursor_uint(c, 8)) : 0;
		memcpy(to, &v, 8);
		return n == 8 && !c->bad;
	case PROXIED_MAPPED:
		p = n == 4 ? cursor_take(c, 4) : NULL;
		if (p)
			addr_from_v4(to, p);
		return p != NULL;
	case PROXIED_TEXTUAL:
		p = cursor_take(c, n);
		*(struct proxied_text *)(void *)to = (struct proxied_text){p, p ? (uint32_t)n : 0};
		return p != NULL;
	default:
		p = n == r->width ? cursor_take(c, n) : NULL;
		if (p)
			memcpy(to, p, n);
		return p != NULL;
	}
}

static bool
read_record(const struct template *t, struct cursor *c, struct decoded *r, struct proxied_origin *o)
{
	uint8_t *base[] = {[PROXIED_BASE_f] = (uint8_t *)&r->f,
		[PROXIED_BASE_x] = (uint8_t *)&r->x,
		[PROXIED_BASE_o] = (uint8_t *)o};
	for (unsigned i = 0, at = 0; i < t->n_fields; i++) {
		const struct proxied_row *row = row_of(&t->field[i], &at);
		size_t n = t->field[i].length;
		if (n == PROGRAM_VARIABLE && (n = cursor_u8(c)) == 255)
			n = cursor_u16(c);
		if (row == NULL)
			cursor_skip(c, n);
		else if (!take(row, base[row->base] + row->offset, c, n))
			return false;
		if (c->bad)
			return false;
	}
	return true;
}

static struct origin *
origin_of(struct proxied *p, uint32_t exporter, const struct ft_flow *f)
{
	for (unsigned i = p->n_origins; i-- > 0;) {
		struct origin *o = &p->origin[i];
		if (o->exporter == exporter && o->domain == f->domain && o->version == f->version)
			return o;
	}
	if (p->n_origins == p->room) {
		unsigned room = p->room ? p->room * 2 : 64;
		struct origin *more = realloc(p->origin, room * sizeof *more);
		if (more == NULL)
			return NULL;
		p->origin = more;
		p->room = room;
	}
	p->origin[p->n_origins] =
		(struct origin){.exporter = exporter, .domain = f->domain, .version = f->version};
	return &p->origin[p->n_origins++];
}

/* whose flow it is; 0: refused, or told by an exporter that may not */
static uint32_t
exporter_of(struct message *m, struct proxied *p, const struct proxied_origin *o)
{
	static const uint8_t none[16];
	struct decoder *d = m->d;
	if (memcmp(o->guid, none, 16) == 0)
		return 0; /* it would speak in the name of those that send here themselves */
	if (p->id == 0 || memcmp(p->key, o->exporter, 16) != 0 || memcmp(p->key + 16, o->guid, 16) != 0) {
		memcpy(p->key, o->exporter, 16);
		memcpy(p->key + 16, o->guid, 16);
		p->id = d->sink.proxied(d->sink.ctx, o->exporter, o->guid, m->arrived);
	}
	return p->id;
}

/* What a decoder would never make of a flow is not taken from outside either. */
static void
sane(struct message *as, struct ft_flow *f)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, known[] = {1, 5, 7, 9, 10, 18, 20, 21};
	f->bits &= 0xffffu & ~(uint32_t)FT_FLOW_ELEMENTS;
	if (memcmp(f->src, mapped, 12) != 0 || memcmp(f->dst, mapped, 12) != 0)
		f->bits |= FT_FLOW_V6;
	if (f->version == 0 || memchr(known, f->version, sizeof known) == NULL)
		f->version = as->version = 10;
	if (f->last_us < f->first_us)
		f->last_us = f->first_us;
	if (f->export_us < 0 || f->export_us > as->arrived.us + AHEAD_S * (int64_t)SECOND)
		f->export_us = as->arrived.us; /* as source.c does with a clock that can't be right */
}

static void
settle(struct message *as, struct decoded *r, const struct proxied_origin *o)
{
	struct decoder *d = as->d;
	bool ext = (r->f.bits & FT_FLOW_EXT) != 0;
	if (!ext)
		return;
	r->x.has &= ~(uint32_t)FT_EXT_APP_NAME;
	if (o->application.n > 0 && d->sink.label)
		r->x.app_name = d->sink.label(d->sink.ctx, as->exporter, o->application.p, o->application.n);
	if (r->x.app_name)
		r->x.has |= FT_EXT_APP_NAME;
}

/* Of the list that came, what this collector keeps. */
static void
keep_elements(struct decoder *d, struct decoded *r, const struct proxied_origin *o)
{
	struct kept_element e;
	size_t at = 0, n = 0;
	while (d->keep && o->elements.n && element_next(o->elements.p, o->elements.n, &at, &e)) {
		if (!keep_has(d->keep, e.pen, e.id))
			continue;
		e.said = 0;
		size_t now = element_add(d->kept[0], n, d->keep->most, &e);
		d->totals.elements_dropped += now == n;
		n = now;
	}
	r->elements = d->kept[0];
	r->f.element_bytes = (uint16_t)n;
	r->f.bits |= n ? FT_FLOW_ELEMENTS : 0;
}

/* What an exporter behind the proxy says of an interface. */
static bool
about_interface(struct message *as, const struct ft_flow *f, const struct proxied_origin *o)
{
	struct decoder *d = as->d;
	struct interface_says says = {.index = f->in_if,
		.kind = o->kind == FT_KIND_VRF ? FT_KIND_VRF : FT_KIND_INTERFACE,
		.at_us = f->export_us,
		.from = FT_FROM_EXPORTER,
		.name = o->name.n ? o->name.p : NULL,
		.name_n = o->name.n,
		.description = o->description.n ? o->description.p : NULL,
		.description_n = o->description.n,
		.speed = o->speed};
	if (d->sink.interface && !d->sink.interface(d->sink.ctx, as, &says))
		d->totals.bound_hits++;
	return true;
}

bool
proxied_record(struct message *m, const struct template *t, struct cursor *c)
{
	struct decoder *d = m->d;
	struct decoded *r = &d->now;
	struct proxied_origin o = {.speed = 0};
	struct proxied *p = state(d);
	memset(&r->f, 0, sizeof r->f);
	memset(&r->x, 0, sizeof r->x);
	r->program = 0; /* what another program may find in `now` is void */
	const uint8_t *begin = c->at;
	if (p == NULL || !read_record(t, c, r, &o) || c->at == begin)
		return false; /* a record of no bytes would never end */
	m->records++;
	struct message as = *m;
	sane(&as, &r->f);
	as.exporter = exporter_of(m, p, &o);
	if (as.exporter && t->field[0].id == PROXIED_SPEED)
		return about_interface(&as, &r->f, &o);
	struct origin *from = as.exporter ? origin_of(p, as.exporter, &r->f) : NULL;
	if (from == NULL) {
		d->totals.exporters_refused++;
		return true;
	}
	from->flows++;
	from->sampling = r->f.sampling;
	p->arrived = m->arrived;
	as.domain = r->f.domain;
	as.version = r->f.version;
	as.setting = settings_find(d->settings, as.exporter);
	as.disabled = as.setting && as.setting->disabled && !d->resumed;
	settle(&as, r, &o);
	keep_elements(d, r, &o);
	return source_flow(&as, r);
}

void
proxied_finish(struct decoder *d)
{
	struct proxied *p = d->proxied;
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n_origins; i++) {
		const struct origin *o = &p->origin[i];
		source_proxied(d, o->exporter, o->version, o->domain, o->flows, o->sampling, p->arrived);
	}
	p->n_origins = 0;
	if (!p->numbered)
		return;
	p->numbered = false;
	struct stream *k = stream_of(p, d->work.proxy_stream);
	if (k && k->next < d->work.proxy_next)
		k->next = d->work.proxy_next;
	p->due = true;
	p->ack_stream = d->work.proxy_stream;
	p->ack_next = d->work.proxy_next;
}

static void
put_u64(uint8_t *to, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

bool
proxied_ack(struct decoder *d, uint8_t out[PROXIED_ACK])
{
	struct proxied *p = d->proxied;
	if (p == NULL || !p->due)
		return false;
	p->due = false;
	memset(out, 0, PROXIED_ACK);
	memcpy(out, "FTK1", 4);
	put_u64(out + 8, p->ack_stream);
	put_u64(out + 16, p->ack_next);
	return true;
}
