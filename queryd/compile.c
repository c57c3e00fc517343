#include "queryd/compile.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "queryd/kernel.h"

enum { V4_RANGES = 16, RUN = 1024 };

int
binding_init(
	struct binding *b, const struct program *p, const struct services *services, struct budget *budget)
{
	*b = (struct binding){.p = p, .services = services, .budget = budget};
	if (p == NULL)
		return 0;
	b->bits = calloc(p->tests, sizeof *b->bits);
	b->room = calloc(p->tests, sizeof *b->room);
	b->decided = calloc(p->tests, 1);
	b->folded = calloc(p->steps, 1);
	if (b->bits && b->room && b->decided && b->folded)
		return 0;
	binding_free(b);
	return FT_ENOMEM;
}

void
binding_free(struct binding *b)
{
	if (b->p != NULL && b->bits != NULL && b->room != NULL)
		for (uint32_t i = 0; i < b->p->tests; i++)
			budget_free(b->budget, b->bits[i], b->room[i]);
	free(b->bits);
	free(b->room);
	free(b->decided);
	free(b->folded);
	for (size_t i = 0; i < sizeof b->scratch / sizeof b->scratch[0]; i++)
		free(b->scratch[i]);
	*b = (struct binding){0};
}

/* ---- dictionaries --------------------------------------------------------------------------------- */

static bool
addr_entry_has(const struct test *t, struct block_view *v, const struct ft_addr_entry *e)
{
	switch (t->part) {
	case PART_ADDRESS:
		return test_address_has(t, e->address);
	case PART_COUNTRY:
		return test_range_has(t, e->country);
	case PART_AS:
		return test_range_has(t, e->as);
	case PART_MASK:
		return e->mask != 255 && test_range_has(t, e->mask);
	case PART_GROUP: {
		uint32_t n;
		const char *text = block_text(v, e->group, &n);
		return e->group != 0 && test_group_has(t, text, n);
	}
	case PART_NETBLOCK: {
		uint8_t net[16];
		if (e->net_bits > 128)
			return false;
		addr_mask(net, e->address, e->net_bits);
		for (uint32_t i = 0; i < t->exacts; i++)
			if (e->net_bits == 128 && memcmp(t->exact[i].bytes, net, 16) == 0)
				return true;
		for (uint32_t i = 0; i < t->prefixes; i++)
			if (t->prefix[i].bits == e->net_bits && memcmp(t->prefix[i].bytes, net, 16) == 0)
				return true;
		return false;
	}
	default:
		return false;
	}
}

static bool
exporter_entry_has(const struct test *t, const struct ft_exporter_entry *e)
{
	switch (t->part) {
	case PART_EXP_ADDRESS:
		return test_address_has(t, e->address);
	case PART_EXP_DOMAIN:
		return test_range_has(t, e->domain);
	case PART_EXP_VERSION:
		return test_range_has(t, e->version);
	default:
		return test_address_has(t, e->guid);
	}
}

static bool
app_name_has(const struct test *t, const char *text, uint32_t n)
{
	for (uint32_t i = 0; i < t->words; i++)
		if (strlen(t->word[i]) == n && strncasecmp(t->word[i], text, n) == 0)
			return true;
	return false;
}

/* a MAC is 6 bytes, zero elsewhere */
static bool
wide_entry_has(const struct test *t, const struct ft_wide_entry *e)
{
	if (t->type != FILTER_T_MAC)
		return test_address_has(t, e->value);
	for (uint32_t i = 0; i < t->prefixes; i++)
		if (memcmp(t->prefix[i].bytes, e->value, 6) == 0)
			return true;
	return false;
}

static enum ft_dict
dict_of(enum test_part part)
{
	switch (part) {
	case PART_ADDRESS:
	case PART_COUNTRY:
	case PART_AS:
	case PART_GROUP:
	case PART_NETBLOCK:
	case PART_MASK:
		return FT_DICT_ADDR;
	case PART_EXP_ADDRESS:
	case PART_EXP_DOMAIN:
	case PART_EXP_VERSION:
	case PART_EXP_GUID:
		return FT_DICT_EXPORTER;
	case PART_WIDE:
		return FT_DICT_WIDE;
	case PART_APP:
	case PART_ELEMENTS:
		return FT_DICT_TEXT;
	default:
		return FT_DICT_NONE;
	}
}

/* IPv4 addresses alone, as ranges of numbers; false: there are others, or many */
static bool
v4_ranges(const struct test *t, struct test_range *out, uint32_t *n)
{
	*n = 0;
	if (t->exacts + t->prefixes > V4_RANGES)
		return false;
	for (uint32_t i = 0; i < t->exacts + t->prefixes; i++) {
		const struct test_prefix *p = i < t->exacts ? &t->exact[i] : &t->prefix[i - t->exacts];
		uint32_t number;
		if (!addr_is_v4(p->bytes) || (i >= t->exacts && p->bits < 96))
			return false;
		memcpy(&number, p->bytes + 12, sizeof number);
		number = __builtin_bswap32(number);
		uint32_t free_bits = i < t->exacts || p->bits >= 128
					     ? 0
					     : (uint32_t)(((uint64_t)1 << (128 - p->bits)) - 1);
		out[(*n)++] = (struct test_range){number & ~free_bits, number | free_bits};
	}
	return true;
}

static void
add_ranges(const struct test_range *range, uint32_t ranges, const uint32_t *v, uint32_t n, uint8_t *bits)
{
	uint8_t one[RUN];
	kernel_fill(bits, n, 0);
	for (uint32_t i = 0; i < ranges; i++) {
		if (range[i].lo > UINT32_MAX)
			continue;
		uint32_t hi = range[i].hi > UINT32_MAX ? UINT32_MAX : (uint32_t)range[i].hi;
		kernel_range32(one, v, n, (uint32_t)range[i].lo, hi);
		kernel_or(bits, one, n);
	}
}

/*
 * Of a sealed block's addresses the numbers that are asked for lie in a column of their own: it is unpacked and compared in
 * runs, and what else an entry says is left alone.  1: done, 0: this test is asked entry by entry, or FT_EFORMAT.
 */
static int
ask_numbers(const struct test *t, struct block_view *v, uint32_t n, uint8_t *bits)
{
	struct test_range v4[V4_RANGES];
	const struct test_range *range = t->range;
	uint32_t ranges = t->ranges, to = n, number[RUN];
	if (v->open || v->addr != NULL)
		return 0;
	if (t->part == PART_ADDRESS) {
		if (!v4_ranges(t, v4, &ranges))
			return 0;
		range = v4;
		to = block_v4_count(v); /* those behind are others */
		if (to == 0)            /* none, or more than there are addresses: the entries tell which */
			return 0;
		memset(bits + to, 0, n - to);
	} else if ((t->part != PART_COUNTRY && t->part != PART_AS) || ranges > V4_RANGES)
		return 0;
	for (uint32_t from = 0, take; from < to; from += take) {
		take = to - from < RUN ? to - from : RUN;
		int rc = t->part == PART_ADDRESS
				 ? block_v4(v, from, take, number)
				 : block_addr_numbers(v,
					   t->part == PART_AS ? BLOCK_ADDR_AS : BLOCK_ADDR_COUNTRY, from,
					   take, number);
		if (rc != 0)
			return rc;
		add_ranges(range, ranges, number, take, bits + from);
	}
	return 1;
}

static int
ask_entries(const struct test *t, struct block_view *v, enum ft_dict dict, uint8_t *bits)
{
	uint32_t n = v->dict_count[dict];
	const struct ft_addr_entry *addr = dict == FT_DICT_ADDR ? block_addrs(v) : NULL;
	const struct ft_exporter_entry *exporter = dict == FT_DICT_EXPORTER ? block_exporters(v) : NULL;
	const struct ft_wide_entry *wide = dict == FT_DICT_WIDE ? block_wides(v) : NULL;
	if (n > 0 && dict != FT_DICT_TEXT && !addr && !exporter && !wide)
		return FT_EFORMAT;
	for (uint32_t code = 0; code < n; code++) {
		bool has = false;
		uint32_t bytes;
		if (addr)
			has = addr_entry_has(t, v, &addr[code]);
		else if (exporter)
			has = exporter_entry_has(t, &exporter[code]);
		else if (wide)
			has = code != 0 && wide_entry_has(t, &wide[code]);
		else if (code != 0) {
			const char *text = block_text(v, code, &bytes);
			has = t->part == PART_ELEMENTS ? test_elements_has(t, (const uint8_t *)text, bytes)
						       : app_name_has(t, text, bytes);
		}
		bits[code] = has;
	}
	return 0;
}

/* every entry of the dictionary is asked once; codes beyond it (damage) must not be looked up: the caller
 * checks the column's range, and the array has a guard of its own in run_codes() */
static int
ask_dictionary(struct binding *b, uint32_t i, struct block_view *v, enum ft_dict dict)
{
	const struct test *t = &b->p->test[i];
	uint32_t n = v->dict_count[dict], hits;
	if (n + 1 > b->room[i]) {
		uint32_t room = (n + 1) * 2;
		uint8_t *bits = budget_realloc(b->budget, b->bits[i], b->room[i], room);
		if (bits == NULL)
			return FT_EFULL;
		b->bits[i] = bits;
		b->room[i] = room;
	}
	uint8_t *bits = b->bits[i];
	int rc = dict == FT_DICT_ADDR ? ask_numbers(t, v, n, bits) : 0;
	if (rc == 0)
		rc = ask_entries(t, v, dict, bits);
	if (rc < 0)
		return rc;
	hits = kernel_count8(bits, 1, n);
	if (hits == 0 && t->part != PART_APP)
		b->decided[i] = 0;
	else if (hits == n && dict != FT_DICT_TEXT && dict != FT_DICT_WIDE)
		b->decided[i] = 1;
	return 0;
}

/* -1 unless the column's header tells; absent values need the rows */
static int
ask_header(const struct test *t, struct block_view *v, int column, uint32_t has)
{
	uint64_t lo, hi;
	if (column < 0 || has != 0)
		return -1;
	if (block_constant(v, (enum ft_column)column, &lo))
		return test_range_has(t, lo);
	if (!block_range(v, (enum ft_column)column, &lo, &hi))
		return -1;
	bool apart = true;
	for (uint32_t i = 0; i < t->ranges; i++) {
		if (t->range[i].lo <= lo && hi <= t->range[i].hi)
			return 1;
		if (t->range[i].lo <= hi && lo <= t->range[i].hi)
			apart = false;
	}
	return apart ? 0 : -1;
}

static int
fold(struct binding *b, uint32_t i)
{
	const struct step *s = &b->p->step[i];
	int v;
	if (s->op == FILTER_TEST) {
		v = b->decided[s->test];
		if (v >= 0 && b->p->test[s->test].negate)
			v = !v;
	} else if (s->op == FILTER_NOT) {
		v = fold(b, s->child[0]);
		v = v < 0 ? v : !v;
	} else {
		bool unknown = false;
		v = s->op == FILTER_AND;
		for (uint32_t k = 0; k < s->n; k++) {
			int c = fold(b, s->child[k]);
			unknown |= c < 0;
			if (s->op == FILTER_AND && c == 0)
				v = 0;
			else if (s->op == FILTER_OR && c == 1)
				v = 1;
			else if (s->op == FILTER_XOR && c == 1)
				v ^= 1;
		}
		if (unknown && !(s->op == FILTER_AND && v == 0) && !(s->op == FILTER_OR && v == 1))
			v = -1;
	}
	b->folded[i] = (int8_t)v;
	return v;
}

int
binding_block(struct binding *b, struct block_view *v, bool *none)
{
	*none = false;
	if (b->p == NULL)
		return 0;
	for (uint32_t i = 0; i < b->p->tests; i++) {
		const struct test *t = &b->p->test[i];
		enum ft_dict dict = dict_of(t->part);
		b->decided[i] = -1;
		if (dict != FT_DICT_NONE) {
			int rc = ask_dictionary(b, i, v, dict);
			if (rc != 0)
				return rc;
		} else if (t->part == PART_SELF) {
			int x = ask_header(t, v, t->a, t->has_a);
			int y = t->b < 0 ? 0 : ask_header(t, v, t->b, t->has_b);
			b->decided[i] = (int8_t)(x == 1 || y == 1 ? 1 : x == 0 && y == 0 ? 0 : -1);
		}
	}
	*none = fold(b, b->p->steps - 1) == 0;
	return 0;
}

/* ---- rows ----------------------------------------------------------------------------------------- */

static void
run_codes(const struct binding *b, uint32_t i, struct batch *x, int column, uint8_t *out)
{
	const uint32_t *code = batch_u32(x, (enum ft_column)column);
	uint32_t n = x->v->dict_count[dict_of(b->p->test[i].part)], most = 0;
	for (uint32_t k = 0; k < x->n; k++)
		most = code[k] > most ? code[k] : most;
	if (most < n)
		kernel_lookup(out, code, x->n, b->bits[i]);
	else {
		x->rc = FT_EFORMAT;
		kernel_fill(out, x->n, 0);
	}
}

static void
run_ranges64(const struct test *t, const uint64_t *v, uint32_t n, uint8_t *out)
{
	if (t->ranges == 1)
		kernel_range64(out, v, n, t->range[0].lo, t->range[0].hi);
	else
		for (uint32_t i = 0; i < n; i++)
			out[i] = test_range_has(t, v[i]);
}

static void
run_ranges32(const struct test *t, const uint32_t *v, uint32_t n, uint8_t *out)
{
	if (t->lookup != NULL)
		kernel_lookup(out, v, n, t->lookup);
	else if (t->ranges == 1 && t->range[0].lo <= UINT32_MAX)
		kernel_range32(out, v, n, (uint32_t)t->range[0].lo,
			t->range[0].hi > UINT32_MAX ? UINT32_MAX : (uint32_t)t->range[0].hi);
	else
		for (uint32_t i = 0; i < n; i++)
			out[i] = test_range_has(t, v[i]);
}

static void
run_self(const struct test *t, struct batch *x, int column, uint8_t *out)
{
	if (batch_is_wide((enum ft_column)column))
		run_ranges64(t, batch_u64(x, (enum ft_column)column), x->n, out);
	else
		run_ranges32(t, batch_u32(x, (enum ft_column)column), x->n, out);
}

/* TOS / 4, ICMP type and code */
static void
run_derived(const struct test *t, struct batch *x, int column, uint8_t *out)
{
	const uint32_t *v = batch_u32(x, (enum ft_column)column);
	const uint32_t *proto = t->part == PART_DSCP ? NULL : batch_u32(x, FT_COL_proto);
	for (uint32_t i = 0; i < x->n; i++) {
		uint32_t d = t->part == PART_DSCP        ? v[i] >> 2
			     : t->part == PART_ICMP_TYPE ? v[i] >> 8
							 : v[i] & 255;
		out[i] = test_range_has(t, d) && (proto == NULL || proto[i] == 1 || proto[i] == 58);
	}
}

/* the name an exporter sent, else its number, else the service of the server's port */
static void
run_app(const struct binding *b, uint32_t test, struct batch *x, uint8_t *out)
{
	const struct test *t = &b->p->test[test];
	const uint32_t *name = batch_u32(x, FT_COL_app_name), *present = batch_u32(x, FT_COL_present);
	const uint64_t *app = batch_u64(x, FT_COL_app);
	const uint32_t *port = batch_u32(x, FT_COL_server_port), *proto = batch_u32(x, FT_COL_proto);
	uint32_t n = x->v->dict_count[FT_DICT_TEXT];
	for (uint32_t i = 0; i < x->n; i++) {
		if (name[i] >= n && name[i] != 0) {
			x->rc = FT_EFORMAT;
			out[i] = 0;
		} else if (name[i] != 0)
			out[i] = b->bits[test][name[i]] ||
				 ((present[i] & FT_HAS_APP) && test_range_has(t, app[i]));
		else if (present[i] & FT_HAS_APP)
			out[i] = test_range_has(t, app[i]);
		else
			out[i] = test_range_has(t, (uint64_t)port[i] << 8 | proto[i]);
	}
}

static bool
interface_has(const struct test *t, uint32_t index, const struct ft_interface *i)
{
	if (t->part == PART_IFROLE)
		return test_range_has(t, i ? i->role : FT_ROLE_UNKNOWN);
	bool has = test_range_has(t, index);
	for (uint32_t k = 0; i != NULL && !has && k < t->words; k++)
		has = interfaces_named(i, t->word[k]);
	return has;
}

/* What is known of an interface or VRF at the time of the slice.  A batch has few interfaces, and few of them were ever
 * renumbered: the answer is looked up once each and kept for the batch. */
static void
run_interface(const struct binding *b, const struct test *t, struct batch *x, int column, uint8_t *out)
{
	enum { KEPT = 256 };
	struct {
		uint32_t code, index, lo, hi;
		uint8_t used, has;
	} kept[KEPT];
	const uint32_t *index = batch_u32(x, (enum ft_column)column), *code = batch_u32(x, FT_COL_exporter);
	const uint64_t *last = batch_u64(x, FT_COL_last_us);
	const struct ft_exporter_entry *e = block_exporters(x->v);
	uint32_t n = x->v->dict_count[FT_DICT_EXPORTER];
	uint8_t kind = t->part == PART_VRF ? FT_KIND_VRF : FT_KIND_INTERFACE;
	for (unsigned k = 0; k < KEPT; k++)
		kept[k].used = 0;
	for (uint32_t i = 0; i < x->n; i++) {
		unsigned k = (index[i] * 31 + code[i] * 7) % KEPT;
		if (code[i] >= n || e == NULL) {
			x->rc = FT_EFORMAT;
			out[i] = 0;
			continue;
		}
		if (!kept[k].used || kept[k].code != code[i] || kept[k].index != index[i]) {
			interfaces_find(b->interfaces, &e[code[i]], kind, index[i], &kept[k].lo, &kept[k].hi);
			kept[k].code = code[i];
			kept[k].index = index[i];
			kept[k].used = 1;
			kept[k].has = interface_has(
				t, index[i], interfaces_then(b->interfaces, kept[k].lo, kept[k].hi, 0));
		}
		out[i] = kept[k].hi - kept[k].lo < 2 ? kept[k].has
						     : interface_has(t, index[i],
							       interfaces_then(b->interfaces, kept[k].lo,
								       kept[k].hi, (int64_t)last[i]));
	}
}

static void
run_session(const struct test *t, uint32_t n, const struct session_columns *s, uint8_t *out, uint8_t *more)
{
	bool bytes = t->a == FT_COL_client_bytes || t->a == FT_COL_server_bytes;
	const uint64_t(*sums)[BATCH] = bytes ? s->bytes : s->packets;
	bool server = t->a == FT_COL_server_bytes || t->a == FT_COL_server_packets;
	switch (t->part) {
	case PART_SES_SUM:
		run_ranges64(t, sums[server], n, out);
		if (t->b >= 0) {
			run_ranges64(t, sums[1], n, more);
			kernel_or(out, more, n);
		}
		break;
	case PART_SES_TOTAL:
		for (uint32_t i = 0; i < n; i++)
			out[i] = test_range_has(t, sums[0][i] + sums[1][i]);
		break;
	case PART_SES_TIME:
		for (uint32_t i = 0; i < n; i++)
			out[i] = test_range_has(t, s->end[i] - s->start[i]);
		break;
	case PART_SES_START:
		run_ranges64(t, s->start, n, out);
		break;
	case PART_SES_END:
		run_ranges64(t, s->end, n, out);
		break;
	default: /* flags: any of the named ones */
		for (uint32_t i = 0; i < n; i++) {
			out[i] = 0;
			for (uint32_t k = 0; k < t->ranges; k++)
				for (uint64_t f = t->range[k].lo; f <= t->range[k].hi; f++)
					if ((f & (f - 1)) == 0)
						out[i] |= (s->flags[i] & f) != 0;
		}
	}
}

static void
run_test(const struct binding *b, uint32_t i, struct batch *x, const struct session_columns *s, uint8_t *out,
	uint8_t *more)
{
	const struct test *t = &b->p->test[i];
	if (t->part >= PART_SES_SUM)
		run_session(t, x->n, s, out, more);
	else if (t->part == PART_APP)
		run_app(b, i, x, out);
	else
		for (int side = 0; side < 2; side++) {
			int column = side == 0 ? t->a : t->b;
			uint32_t has = side == 0 ? t->has_a : t->has_b;
			uint8_t *to = side == 0 ? out : more;
			if (column < 0)
				break;
			if (dict_of(t->part) != FT_DICT_NONE)
				run_codes(b, i, x, column, to);
			else if (named_by_exporter(t->part))
				run_interface(b, t, x, column, to);
			else if (t->part == PART_SELF)
				run_self(t, x, column, to);
			else
				run_derived(t, x, column, to);
			if (has != 0)
				kernel_and_bit(to, batch_u32(x, FT_COL_present), x->n, has);
			if (side == 1)
				kernel_or(out, more, x->n);
		}
	if (t->negate)
		kernel_not(out, x->n);
}

static uint8_t *
scratch(struct binding *b, unsigned level)
{
	if (b->scratch[level] == NULL)
		b->scratch[level] = malloc(BATCH);
	return b->scratch[level];
}

/* into scratch[level]; uses the levels above it */
static int
run_step(struct binding *b, uint32_t i, struct batch *x, const struct session_columns *s, unsigned level)
{
	const struct step *st = &b->p->step[i];
	uint8_t *out = scratch(b, level), *more = scratch(b, level + 1);
	if (out == NULL || more == NULL)
		return FT_ENOMEM;
	if (b->folded[i] >= 0) {
		kernel_fill(out, x->n, (uint8_t)b->folded[i]);
		return 0;
	}
	if (st->op == FILTER_TEST) {
		run_test(b, st->test, x, s, out, more);
		return 0;
	}
	if (st->op == FILTER_NOT) {
		int rc = run_step(b, st->child[0], x, s, level + 1);
		memcpy(out, more, x->n);
		kernel_not(out, x->n);
		return rc;
	}
	kernel_fill(out, x->n, st->op == FILTER_AND);
	for (uint32_t k = 0; k < st->n; k++) {
		int rc = run_step(b, st->child[k], x, s, level + 1);
		if (rc != 0)
			return rc;
		if (st->op == FILTER_AND) {
			kernel_and(out, more, x->n);
			if (!kernel_any(out, x->n))
				break;
		} else if (st->op == FILTER_OR)
			kernel_or(out, more, x->n);
		else
			kernel_xor(out, more, x->n);
	}
	return 0;
}

int
binding_run(struct binding *b, struct batch *x, const struct session_columns *s)
{
	if (b->p == NULL || b->folded[b->p->steps - 1] == 1)
		return 0;
	int rc = run_step(b, b->p->steps - 1, x, s, 0);
	if (rc == 0)
		kernel_and(x->mask, b->scratch[0], x->n);
	return rc;
}
