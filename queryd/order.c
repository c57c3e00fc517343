#include "queryd/order.h"

#include <stdio.h>
#include <string.h>

enum kind { START, END, DURATION, SUM, NUMBER, ADDRESS };
enum { CB = 1, SB = 2, CP = 4, SP = 8, CF = 16, SF = 32 }; /* slice_sums.sums[] by bit */

static const struct {
	const char *name;
	enum kind kind;
	int what; /* SUM: bits; else the column */
} orders[] = {
	{"first_us", START, 0},
	{"last_us", END, 0},
	{"duration", DURATION, 0},
	{"bytes", SUM, CB | SB},
	{"packets", SUM, CP | SP},
	{"flows", SUM, CF | SF},
	{"client_bytes", SUM, CB},
	{"server_bytes", SUM, SB},
	{"client_packets", SUM, CP},
	{"server_packets", SUM, SP},
	{"client_flows", SUM, CF},
	{"server_flows", SUM, SF},
	{"client_ip", ADDRESS, FT_COL_client},
	{"server_ip", ADDRESS, FT_COL_server},
	{"client_port", NUMBER, FT_COL_client_port},
	{"server_port", NUMBER, FT_COL_server_port},
	{"proto", NUMBER, FT_COL_proto},
};

int
order_parse(struct order *o, const char *name, struct err *err)
{
	*o = (struct order){0};
	if (name == NULL)
		return 0;
	o->descending = name[0] == '-';
	name += o->descending;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (strcmp(orders[i].name, name) == 0) {
			o->by = (int)i;
			return 0;
		}
	char names[300] = "";
	for (size_t i = 0, n = 0; i < sizeof orders / sizeof *orders; i++)
		n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? " " : "", orders[i].name);
	return err_set(err, FT_EINVAL, "sessions can be sorted by %s, not by `%.40s`", names, name);
}

static uint64_t
big_endian(const uint8_t *b)
{
	uint64_t n = 0;
	for (int i = 0; i < 8; i++)
		n = n << 8 | b[i];
	return n;
}

int
order_fixed(const struct order *o, struct worker *w, uint32_t j, struct slice_sums *s)
{
	enum ft_column column = (enum ft_column)orders[o->by].what;
	s->fixed[0] = s->fixed[1] = 0;
	if (orders[o->by].kind == NUMBER) {
		s->fixed[1] = batch_sel32(&w->batch, column)[j];
	} else if (orders[o->by].kind == ADDRESS) {
		uint32_t code = batch_sel32(&w->batch, column)[j];
		const struct ft_addr_entry *e = block_addrs(w->batch.v);
		if (e == NULL || code >= w->batch.v->dict_count[FT_DICT_ADDR])
			return FT_EFORMAT;
		s->fixed[0] = big_endian(e[code].address);
		s->fixed[1] = big_endian(e[code].address + 8);
	}
	return w->batch.rc;
}

/* signed numbers in unsigned order */
static uint64_t
of_time(int64_t t)
{
	return (uint64_t)t ^ (uint64_t)1 << 63;
}

struct order_key
order_key(const struct order *o, const struct slice_sums *s)
{
	struct order_key k = {0, 0};
	switch (orders[o->by].kind) {
	case START:
		k.lo = of_time(s->start);
		break;
	case END:
		k.lo = of_time(s->last);
		break;
	case DURATION:
		k.lo = of_time(s->last - s->start);
		break;
	case SUM:
		for (int i = 0; i < 6; i++)
			k.lo += orders[o->by].what & 1 << i ? s->sums[i] : 0;
		break;
	case NUMBER:
	case ADDRESS:
		k = (struct order_key){s->fixed[0], s->fixed[1]};
		break;
	}
	return o->descending ? (struct order_key){~k.hi, ~k.lo} : k;
}

bool
order_after(struct order_key a, uint64_t x, struct order_key b, uint64_t y)
{
	return a.hi != b.hi ? a.hi > b.hi : a.lo != b.lo ? a.lo > b.lo : x > y;
}
