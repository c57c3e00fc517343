/* encode.c - see encode.h */
#include "exporter/encode.h"

#include "common/err.h"
#include "exporter/put.h"

/* L4, L6 alone: what only packets with a label have; such a template has the rows of both bits */
enum { V4 = 1, V6 = 2, L4 = 4, L6 = 8, N9 = 1, IX = 2 };
enum { HEADER_5 = 24, HEADER_9 = 20, HEADER_10 = 16, RECORD_5 = 48, RECORDS_5 = 30 };

static size_t
record_size(int family, int version)
{
	size_t n = 0;
#define FIELD(families, versions, element, length, how)                                                      \
	if (((families)&family) && ((versions)&version))                                                     \
		n += length;
#include "exporter/fields.def"
	return n;
}

/* families and versions are constants where it is called: each call becomes the straight line of its template */
static inline __attribute__((always_inline)) uint8_t *
put_record(uint8_t *p, const struct record *r, int family, int version)
{
#define FIELD(families, versions, element, length, how)                                                      \
	if (((families)&family) && ((versions)&version))                                                     \
		p = how;
#include "exporter/fields.def"
	return p;
}

static uint8_t *
put_fields(uint8_t *p, int family, int version, unsigned *count)
{
#define FIELD(families, versions, element, length, how)                                                      \
	if (((families)&family) && ((versions)&version)) {                                                   \
		p = put_16(put_16(p, element), length);                                                      \
		(*count)++;                                                                                  \
	}
#include "exporter/fields.def"
	return p;
}

static uint8_t *
put_option_fields(uint8_t *p, int version, unsigned *count)
{
#define OPTION(versions, element, length, how)                                                               \
	if ((versions)&version) {                                                                            \
		p = put_16(put_16(p, element), length);                                                      \
		(*count)++;                                                                                  \
	}
#include "exporter/options.def"
	return p;
}

static uint8_t *
put_options(uint8_t *p, const struct report *s, int version)
{
#define OPTION(versions, element, length, how)                                                               \
	if ((versions)&version)                                                                              \
		p = how;
#include "exporter/options.def"
	return p;
}

static const int kind[TEMPLATE_KINDS] = {V4, V6, V4 | L4, V6 | L6};

static int
version_bit(const struct encoder *e)
{
	return e->setup.version == 9 ? N9 : IX;
}

static size_t
header_size(const struct encoder *e)
{
	return e->setup.version == 5 ? HEADER_5 : e->setup.version == 9 ? HEADER_9 : HEADER_10;
}

static uint32_t
uptime(const struct encoder *e, int64_t us)
{
	return (uint32_t)((us - e->setup.boot_us) / 1000);
}

void
encode_open(struct encoder *e, const struct encode_setup *setup)
{
	CHECK(setup->most >= ENCODE_LEAST && setup->most <= ENCODE_MOST);
	CHECK(setup->version == 5 || setup->version == 9 || setup->version == 10);
	memset(e, 0, sizeof *e);
	e->setup = *setup;
	for (unsigned k = 0; k < TEMPLATE_KINDS; k++)
		e->record_size[k] = record_size(kind[k], version_bit(e));
	encode_restart(e);
}

void
encode_restart(struct encoder *e)
{
	e->sequence = 0;
	e->n = header_size(e);
	e->set = 0;
	e->records = e->flows = 0;
	e->templates_due = e->setup.version != 5;
}

/* ---- messages --------------------------------------------------------------------------------- */

static void
close_set(struct encoder *e)
{
	if (e->set == 0)
		return;
	while (e->n % 4 != 0) /* no record is as short as the padding */
		e->message[e->n++] = 0;
	(void)put_16(e->message + e->set + 2, (unsigned)(e->n - e->set));
	e->set = 0;
}

static void
open_set(struct encoder *e, unsigned id)
{
	if (e->set != 0 && e->set_id == id)
		return;
	close_set(e);
	e->set = e->n;
	e->set_id = id;
	(void)put_16(e->message + e->n, id);
	e->n += 4;
}

static void
head(struct encoder *e, int64_t now_us)
{
	uint8_t *p = e->message;
	uint32_t seconds = (uint32_t)(now_us / 1000000);
	switch (e->setup.version) {
	case 5:
		p = put_16(put_16(p, 5), e->flows);
		p = put_32(put_32(p, uptime(e, now_us)), seconds);
		p = put_32(put_32(p, (uint32_t)(now_us % 1000000 * 1000)), e->sequence);
		p = put_16(p, e->setup.domain & 0xffff);
		/* two bits of how (2: random), fourteen of one in how many */
		unsigned n = e->setup.sampling > 0x3fff ? 0x3fff : e->setup.sampling;
		(void)put_16(p, n > 1 ? 2u << 14 | n : 0);
		e->sequence += e->flows;
		break;
	case 9:
		seconds = (uint32_t)((now_us + 999999) / 1000000);
		p = put_16(put_16(p, 9), e->records);
		p = put_32(put_32(p, uptime(e, (int64_t)seconds * 1000000)), seconds);
		(void)put_32(put_32(p, e->sequence), e->setup.domain);
		e->sequence++;
		break;
	default:
		p = put_16(put_16(p, 10), (unsigned)e->n);
		(void)put_32(put_32(put_32(p, seconds), e->sequence), e->setup.domain);
		/* e->records counts templates too in v9 only */
		e->sequence += e->records;
		break;
	}
}

void
encode_flush(struct encoder *e, int64_t now_us)
{
	if (e->n == header_size(e))
		return;
	close_set(e);
	head(e, now_us);
	unsigned flows = e->flows;
	size_t n = e->n;
	e->n = header_size(e);
	e->records = e->flows = 0;
	e->since_templates++;
	e->setup.on_message(e->setup.ctx, e->message, n, flows);
}

/* RFC 3954 section 5.2, 6.1; RFC 7011 section 3.4 */
static void
templates(struct encoder *e, int64_t now_us)
{
	int bit = version_bit(e);
	bool ix = bit == IX;
	e->templates_due = false;
	e->since_templates = 0;
	e->templates_at_us = now_us;
	open_set(e, ix ? 2 : 0);
	for (unsigned k = 0; k < TEMPLATE_KINDS; k++) {
		uint8_t *p = e->message + e->n, *count_at = p + 2;
		unsigned count = 0;
		p = put_fields(put_16(p, TEMPLATE_V4 + k) + 2, kind[k], bit, &count);
		(void)put_16(count_at, count);
		e->n = (size_t)(p - e->message);
		e->records += !ix;
	}
	open_set(e, ix ? 3 : 1);
	uint8_t *p = put_16(e->message + e->n, TEMPLATE_OPTIONS), *counts_at = p;
	unsigned count = 0;
	p = put_16(put_16(p + 4, ix ? 149 : 1), 4);
	p = put_option_fields(p, bit, &count);
	if (ix)
		(void)put_16(put_16(counts_at, count + 1), 1);
	else
		(void)put_16(put_16(counts_at, 4), count * 4); /* in bytes */
	e->n = (size_t)(p - e->message);
	e->records += !ix;

	struct report s = {.sampling = e->setup.sampling};
	e->setup.on_report(e->setup.ctx, &s);
	open_set(e, TEMPLATE_OPTIONS);
	p = put_32(e->message + e->n, e->setup.domain);
	e->n = (size_t)(put_options(p, &s, bit) - e->message);
	e->records++;
}

void
encode_report(struct encoder *e, int64_t now_us)
{
	if (e->setup.version == 5)
		return;
	encode_flush(e, now_us);
	templates(e, now_us);
	encode_flush(e, now_us);
}

/* ---- records ---------------------------------------------------------------------------------- */

static void
record_5(struct encoder *e, const struct record *r, uint32_t packets, uint32_t bytes, int64_t now_us)
{
	if (e->n + RECORD_5 > e->setup.most || e->flows == RECORDS_5)
		encode_flush(e, now_us);
	uint8_t *p = e->message + e->n;
	p = put_bytes(put_bytes(p, r->src + 12, 4), r->dst + 12, 4);
	p = put_32(p, 0); /* next hop */
	p = put_16(put_16(p, r->input), r->output);
	p = put_32(put_32(p, packets), bytes);
	p = put_32(put_32(p, r->first_uptime), r->last_uptime);
	p = put_16(put_16(p, r->src_port), r->dst_port);
	p = put_8(put_8(p, 0), r->tcp_flags);
	p = put_8(put_8(p, r->proto), r->tos);
	(void)put_64(p, 0); /* AS numbers, prefix lengths, padding */
	e->n += RECORD_5;
	e->records++;
	e->flows++;
}

static void
netflow5(struct encoder *e, const struct record *r, int64_t now_us)
{
	if (r->version != 4) {
		e->unfit++;
		return;
	}
	uint64_t bytes = r->bytes, packets = r->packets, top = bytes > packets ? bytes : packets;
	for (uint64_t parts = (top + UINT32_MAX - 1) / UINT32_MAX; parts > 0; parts--) {
		uint64_t b = bytes / parts, k = packets / parts;
		bytes -= b;
		packets -= k;
		record_5(e, r, (uint32_t)k, (uint32_t)b, now_us);
	}
}

static uint8_t *
put_kind_9(uint8_t *p, const struct record *r, unsigned k)
{
	switch (k) {
	case 0:
		return put_record(p, r, V4, N9);
	case 1:
		return put_record(p, r, V6, N9);
	case 2:
		return put_record(p, r, V4 | L4, N9);
	default:
		return put_record(p, r, V6 | L6, N9);
	}
}

static uint8_t *
put_kind_10(uint8_t *p, const struct record *r, unsigned k)
{
	switch (k) {
	case 0:
		return put_record(p, r, V4, IX);
	case 1:
		return put_record(p, r, V6, IX);
	case 2:
		return put_record(p, r, V4 | L4, IX);
	default:
		return put_record(p, r, V6 | L6, IX);
	}
}

void
encode_record(struct encoder *e, struct record *r, int64_t now_us)
{
	r->first_uptime = uptime(e, r->first_us);
	r->last_uptime = uptime(e, r->last_us);
	if (e->setup.version == 5) {
		netflow5(e, r, now_us);
		return;
	}
	if (!e->setup.stream &&
		(e->since_templates >= TEMPLATE_MESSAGES ||
			now_us - e->templates_at_us >= e->setup.template_us || now_us < e->templates_at_us))
		e->templates_due = true;
	if (e->templates_due) {
		encode_flush(e, now_us);
		templates(e, now_us);
	}
	unsigned k = (r->version == 4 ? 0u : 1u) + (r->labelled ? 2u : 0u);
	/* a set's header, a record, padding */
	if (e->n + 4 + e->record_size[k] + 3 > e->setup.most)
		encode_flush(e, now_us);
	open_set(e, TEMPLATE_V4 + k);
	uint8_t *p = e->message + e->n;
	e->n = (size_t)((e->setup.version == 9 ? put_kind_9(p, r, k) : put_kind_10(p, r, k)) - e->message);
	e->records++;
	e->flows++;
}
