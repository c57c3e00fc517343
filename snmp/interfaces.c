/*
 * interfaces.c - see interfaces.h.
 */
#include "snmp/interfaces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct session_oid if_entry = {.n = 9, .id = {1, 3, 6, 1, 2, 1, 2, 2, 1}};
static const struct session_oid ifx_entry = {.n = 10, .id = {1, 3, 6, 1, 2, 1, 31, 1, 1, 1}};
enum { IF_DESCR = 2, IF_SPEED = 5, IFX_NAME = 1, IFX_HIGH_SPEED = 15, IFX_ALIAS = 18 };

struct reading {
	struct interfaces *to;
	unsigned room, at; /* rows come in the order of their index: where the last one was */
	uint32_t column;
	bool extended;
};

/* Bytes of a device as text: control characters become spaces, what is no UTF-8 (RFC 3629) becomes '?'. */
static void
text(char *to, size_t room, const struct session_var *v)
{
	size_t n = 0;
	for (unsigned i = 0; i < v->bytes;) {
		uint8_t c = v->string[i];
		unsigned more = c >= 0xf0 && c < 0xf5   ? 3
				: c >= 0xe0 && c < 0xf0 ? 2
				: c >= 0xc2 && c < 0xe0 ? 1
							: 0;
		bool good = c < 0x80 || more;
		for (unsigned k = 1; k <= more; k++)
			good = good && i + k < v->bytes && (v->string[i + k] & 0xc0) == 0x80;
		/* overlong forms and surrogates: the second byte gives them away */
		if (good && more > 1)
			good = !(c == 0xe0 && v->string[i + 1] < 0xa0) &&
			       !(c == 0xed && v->string[i + 1] > 0x9f) &&
			       !(c == 0xf0 && v->string[i + 1] < 0x90) &&
			       !(c == 0xf4 && v->string[i + 1] > 0x8f);
		unsigned take = good ? more + 1 : 1;
		if (n + take >= room)
			break;
		for (unsigned k = 0; k < take; k++)
			to[n + k] = (char)v->string[i + k];
		if (take == 1)
			to[n] = !good ? '?' : c < 0x20 || c == 0x7f ? ' ' : (char)c;
		n += take;
		i += take;
	}
	while (n > 0 && to[n - 1] == ' ')
		n--;
	to[n] = 0;
}

/* The row of an index, made if it is new; NULL: no room */
static struct interface *
row_of(struct reading *g, uint32_t index)
{
	struct interfaces *x = g->to;
	if (g->at >= x->n || x->row[g->at].index > index)
		g->at = 0;
	while (g->at < x->n && x->row[g->at].index < index)
		g->at++;
	if (g->at < x->n && x->row[g->at].index == index)
		return &x->row[g->at];
	if (x->n == INTERFACES_MOST) {
		x->cut = true;
		return NULL;
	}
	if (x->n == g->room) {
		unsigned room = g->room ? g->room * 2 : 64;
		struct interface *more = realloc(x->row, room * sizeof *more);
		if (more == NULL)
			return NULL;
		x->row = more;
		g->room = room;
	}
	memmove(&x->row[g->at + 1], &x->row[g->at], (x->n - g->at) * sizeof x->row[0]);
	x->n++;
	x->row[g->at] = (struct interface){.index = index};
	return &x->row[g->at];
}

static int
take(void *ctx, const uint32_t *suffix, unsigned n, const struct session_var *v)
{
	struct reading *g = ctx;
	char room[256];
	if (n != 1)
		return 0;
	struct interface *i = row_of(g, suffix[0]);
	if (i == NULL)
		return 1;
	text(room, sizeof room, v);
	if (!g->extended && g->column == IF_SPEED)
		/* 2^32-1 says "more than that" (RFC 2863 section 3.1.8) */
		i->speed = v->number > 0 && v->number < (int64_t)UINT32_MAX ? (uint64_t)v->number : 0;
	else if (g->extended && g->column == IFX_HIGH_SPEED)
		i->speed = v->number > 0 ? (uint64_t)v->number * 1000000 : i->speed;
	else if (room[0] && g->extended && g->column == IFX_NAME)
		text(i->name, sizeof i->name, v);
	else if (room[0]) /* ifDescr, then ifAlias over it */
		snprintf(i->description, sizeof i->description, "%s", room);
	if (!g->extended && g->column == IF_DESCR)
		text(i->name, sizeof i->name, v);
	return 0;
}

enum session_outcome
interfaces_read(struct session *s, struct interfaces *x, struct session_result *r)
{
	static const struct {
		bool extended;
		uint32_t column;
	} columns[] = {{false, IF_DESCR}, {false, IF_SPEED}, {true, IFX_NAME}, {true, IFX_HIGH_SPEED},
		{true, IFX_ALIAS}};
	struct reading g = {.to = x};
	*x = (struct interfaces){0};
	for (unsigned i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		g.column = columns[i].column;
		g.extended = columns[i].extended;
		g.at = 0;
		struct session_oid root = session_name(g.extended ? &ifx_entry : &if_entry, &g.column, 1);
		enum session_outcome rc = session_walk(s, &root, INTERFACES_MOST + 1, take, &g, r);
		if (rc != SNMP_OK && rc != SNMP_NO_SUCH)
			return rc;
	}
	if (x->n > 0)
		return r->outcome = SNMP_OK;
	snprintf(r->said, sizeof r->said,
		"the device shows no interfaces (IF-MIB) to this community or user: widen its view on the "
		"device");
	return r->outcome = SNMP_NO_SUCH;
}

void
interfaces_free(struct interfaces *x)
{
	free(x->row);
	*x = (struct interfaces){0};
}
