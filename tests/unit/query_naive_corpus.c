#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "tests/unit/query_naive.h"

const char *const pool_text[POOL] = {"10.0.0.1", "10.0.0.2", "10.0.0.10", "10.1.2.3", "10.1.2.4",
	"192.168.1.1", "192.168.1.77", "8.8.8.8", "8.8.4.4", "2001:db8::1", "2001:db8::2", "2001:db8:1::5",
	"fe80::1", "203.0.113.9"};
static const char *const groups[] = {NULL, "Office", "Office/Lab", "Officers", "DC"};

uint64_t
dice_next(struct dice *d)
{
	uint64_t z = (d->state += 0x9e3779b97f4a7c15ull);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}
uint32_t
dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)(dice_next(d) >> 33) % n;
}

/* everything that hangs off an address is a function of it */
static struct blockgen_tags
tags(uint32_t i)
{
	static const uint16_t countries[] = {0, 'U' << 8 | 'S', 'D' << 8 | 'E'};
	static const uint8_t nets[] = {104, 112, 120, 255};
	bool v6 = strchr(pool_text[i], ':') != NULL;
	return (struct blockgen_tags){countries[i % 3], v6 ? (i % 2 ? 32 : 48) : nets[i % 4], groups[i % 5]};
}

struct attributes {
	uint32_t in_if, out_if, present, domain, as[2];
	uint8_t tos[2];
	uint16_t vlan[2];
};
static void
attributes(struct dice *d, struct attributes *a)
{
	a->in_if = 1 + dice_below(d, 4);
	a->out_if = 1 + dice_below(d, 4);
	a->tos[0] = (uint8_t)(dice_below(d, 3) * 64);
	a->tos[1] = (uint8_t)(dice_below(d, 3) * 64);
	a->vlan[0] = (uint16_t)(10 + dice_below(d, 3));
	a->vlan[1] = (uint16_t)(10 + dice_below(d, 3));
	a->as[0] = 64500 + dice_below(d, 3);
	a->as[1] = 64500 + dice_below(d, 3);
	a->present = (uint32_t)dice_next(d) &
		     (FT_HAS_IF | FT_HAS_CLIENT_VLAN | FT_HAS_SERVER_VLAN | FT_HAS_CLIENT_TOS |
			     FT_HAS_SERVER_TOS | FT_HAS_FLAGS | FT_HAS_CLIENT_MASK | FT_HAS_MPLS |
			     FT_HAS_NSEL | FT_HAS_NAT | FT_HAS_APP);
	if (dice_below(d, 3))
		a->present |= FT_HAS_IF | FT_HAS_FLAGS | FT_HAS_CLIENT_TOS | FT_HAS_SERVER_TOS;
}

static void
constant_part(struct dice *d, struct blockgen_slice *b, uint64_t id)
{
	static const uint8_t protos[] = {6, 6, 17, 1};
	static const uint16_t ports[] = {22, 53, 80, 443, 8080};
	uint32_t c = dice_below(d, POOL), s = dice_below(d, POOL);
	memset(b, 0, sizeof *b);
	(void)addr_parse(pool_text[c], b->s.client);
	(void)addr_parse(pool_text[s], b->s.server);
	b->client = tags(c);
	b->server = tags(s);
	b->s.session = (uint64_t)1 << 48 | id;
	b->s.proto = protos[dice_below(d, 4)];
	b->s.client_port = b->s.proto == 1 ? 0 : (uint16_t)(40000 + dice_below(d, 4));
	b->s.server_port = b->s.proto == 1 ? 2048 : ports[dice_below(d, 5)];
	b->s.version = dice_below(d, 2) ? 9 : 10;
	uint8_t exporter[16];
	(void)addr_parse(dice_below(d, 2) ? "127.0.0.1" : "127.0.0.2", exporter);
	memcpy(b->exporter, exporter, 16);
	if (dice_below(d, 4) == 0)
		memset(b->guid, 1 + (int)dice_below(d, 2), 16);
	b->app_name = dice_below(d, 3) ? NULL : dice_below(d, 2) ? "teams" : "mail";
	b->x.app = (uint64_t)13 << 56 | (70 + dice_below(d, 2));
	if (dice_below(d, 2)) {
		b->x.client_mac[0] = 2;
		b->x.client_mac[5] = (uint8_t)dice_below(d, 3);
	}
	if (dice_below(d, 3)) {
		b->x.server_mac[0] = 2;
		b->x.server_mac[5] = (uint8_t)dice_below(d, 3);
	}
}

static void
apply(struct dice *d, struct blockgen_slice *b, const struct attributes *a)
{
	struct ft_slice *s = &b->s;
	s->in_if = a->in_if;
	s->out_if = a->out_if;
	s->client_tos = a->tos[0];
	s->server_tos = a->tos[1];
	s->client_vlan = a->vlan[0];
	s->server_vlan = a->vlan[1];
	s->client_as = a->as[0];
	s->server_as = a->as[1];
	s->present = a->present;
	s->domain = a->domain;
	s->client_mask = 24;
	b->x.mpls_label = 16;
	b->x.nsel_event = 2;
	b->x.nat_client_port = (uint16_t)(1 + dice_below(d, 2));
	b->x.nat_server_port = (uint16_t)(1 + dice_below(d, 2));
}

static int64_t
span(struct dice *d)
{
	static const uint32_t longest[] = {1, 2, 1000, 1000000, 30000000};
	return dice_below(d, longest[dice_below(d, 5)]);
}

/* slices of one session, first to last; later ones begin no earlier, as the tracker has it */
static uint32_t
session(struct dice *d, struct blockgen_slice *out, uint64_t id, int64_t start)
{
	struct blockgen_slice b;
	struct attributes a;
	uint32_t n = dice_below(d, 2) ? 1 : 1 + dice_below(d, 5);
	int64_t first = start, prev = 0;
	bool cut = false;
	memset(&a, 0, sizeof a);
	a.domain = dice_below(d, 2);
	attributes(d, &a);
	constant_part(d, &b, id);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0) {
			first += span(d);
			if (dice_below(d, 3) == 0) {
				attributes(d, &a);
				cut = true;
			}
		}
		apply(d, &b, &a);
		b.s.first_us = first;
		b.s.last_us = first + span(d);
		b.s.start_us = i ? start : 0;
		b.s.prev_us = i ? prev : 0;
		prev = b.s.last_us > prev ? b.s.last_us : prev;
		/* either direction may be missing from a slice, not both */
		uint32_t which = 1 + dice_below(d, 3);
		b.s.client_flows = which & 1 ? 1 + dice_below(d, 3) : 0;
		b.s.server_flows = which & 2 ? 1 + dice_below(d, 3) : 0;
		b.s.client_packets = which & 1 ? 1 + dice_below(d, 20) : 0;
		b.s.server_packets = which & 2 ? 1 + dice_below(d, 20) : 0;
		b.s.client_bytes = which & 1 ? 40 + dice_below(d, dice_below(d, 3) ? 5000 : 2000000000) : 0;
		b.s.server_bytes = which & 2 ? 40 + dice_below(d, dice_below(d, 3) ? 5000 : 2000000000) : 0;
		if (dice_below(d, 50) == 0 && b.s.client_bytes)
			b.s.client_bytes = (uint64_t)1 << 52;
		b.s.client_flags = (uint8_t)(1u << dice_below(d, 5));
		b.s.server_flags = (uint8_t)(1u << dice_below(d, 5));
		b.s.state = (uint8_t)((i == 0 ? FT_SLICE_FIRST : 0) | (cut ? FT_SLICE_CUT : 0));
		if (i + 1 == n && dice_below(d, 2))
			b.s.state |= FT_SLICE_LAST;
		out[i] = b;
	}
	return n;
}

struct timed {
	int64_t at;
	uint32_t i;
};
static int
by_time(const void *x, const void *y)
{
	const struct timed *a = x, *b = y;
	return a->at != b->at ? (a->at < b->at ? -1 : 1) : a->i < b->i ? -1 : a->i > b->i;
}

void
corpus_make(struct corpus *c, struct dice *d, uint32_t sessions)
{
	struct blockgen_slice *all = calloc((size_t)sessions * 5, sizeof *all);
	struct timed *order = calloc((size_t)sessions * 5, sizeof *order);
	uint32_t n = 0;
	CHECK(all != NULL && order != NULL);
	*c = (struct corpus){.from = 1760000000000000, .to = 1760000000000000};
	for (uint32_t i = 0; i < sessions; i++)
		n += session(d, all + n, i, c->from + dice_below(d, 120000000));
	for (uint32_t i = 0; i < n; i++) {
		order[i] = (struct timed){all[i].s.last_us + dice_below(d, 3000000), i};
		c->to = all[i].s.last_us >= c->to ? all[i].s.last_us + 1 : c->to;
	}
	qsort(order, n, sizeof *order, by_time);
	c->slice = calloc(n, sizeof *c->slice);
	CHECK(c->slice != NULL);
	for (uint32_t i = 0; i < n; i++)
		c->slice[i] = all[order[i].i];
	c->n = n;
	free(all);
	free(order);
}

void
corpus_free(struct corpus *c)
{
	free(c->slice);
}
