/*
 * filter_print.c - a syntax tree as text, in the manual's form: `==` and friends, lists written out as
 * alternatives, parentheses wherever operators meet.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/addr.h"
#include "common/filter.h"
#include "common/guid.h"
#include "common/names.h"

struct out {
	struct arena *arena;
	char *text;
	size_t n, room;
	bool full;
};

static void put(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void
put(struct out *o, const char *fmt, ...)
{
	if (o->full)
		return;
	va_list ap;
	va_start(ap, fmt);
	va_list again;
	va_copy(again, ap);
	int need = vsnprintf(o->text + o->n, o->room - o->n, fmt, ap);
	va_end(ap);
	if (need >= 0 && (size_t)need >= o->room - o->n) {
		size_t room = (o->room + (size_t)need) * 2;
		char *text = arena_alloc(o->arena, room);
		if (text == NULL) {
			o->full = true;
			va_end(again);
			return;
		}
		memcpy(text, o->text, o->n);
		o->text = text;
		o->room = room;
		need = vsnprintf(o->text + o->n, o->room - o->n, fmt, again);
	}
	va_end(again);
	if (need > 0)
		o->n += (size_t)need;
}

/* A word without quotes must be read as the same word again, and not as a number, an address or an AS. */
static bool
plain_word(enum filter_type type, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (!strchr(letters, *word) || (type == FILTER_T_AS && strncasecmp(word, "AS", 2) == 0))
		return false;
	for (const char *s = word; *s; s++)
		if (!strchr(letters, *s) &&
			!strchr(type == FILTER_T_ADDR ? "0123456789._-" : "0123456789._:/-", *s))
			return false;
	return *word != 0 && (type != FILTER_T_ADDR || strlen(word) <= 253); /* a host name is no longer */
}

static void
put_word(struct out *o, enum filter_type type, const char *word)
{
	if (plain_word(type, word))
		put(o, "%s", word);
	else if (strchr(word, '"'))
		put(o, "'%s'", word);
	else
		put(o, "\"%s\"", word);
}

static void
put_time(struct out *o, uint64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm t;
	char text[40];
	gmtime_r(&s, &t);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
	if (us % 1000000)
		put(o, "%s.%06" PRIu64 "Z", text, us % 1000000);
	else
		put(o, "%sZ", text);
}

static void
put_micros(struct out *o, uint64_t us)
{
	put(o, "%" PRIu64, us / 1000000);
	if (us % 1000000) {
		char fraction[8];
		snprintf(fraction, sizeof fraction, "%06" PRIu64, us % 1000000);
		for (size_t n = strlen(fraction); n > 0 && fraction[n - 1] == '0'; n--)
			fraction[n - 1] = 0;
		put(o, ".%s", fraction);
	}
}

static bool
put_name(struct out *o, enum filter_type type, uint64_t v)
{
	static const int kinds[FILTER_TYPES] = {[FILTER_T_PROTO] = NAMES_PROTOCOL + 1,
		[FILTER_T_FLAGS] = NAMES_TCPFLAG + 1,
		[FILTER_T_NSEL] = NAMES_NSEL + 1,
		[FILTER_T_NSELEXT] = NAMES_NSELEXT + 1,
		[FILTER_T_RULE] = NAMES_RULE + 1,
		[FILTER_T_END] = NAMES_END + 1,
		[FILTER_T_ROLE] = NAMES_ROLE + 1};
	if (kinds[type] == 0 || v > UINT32_MAX)
		return false;
	const char *word = names_word((enum names_kind)(kinds[type] - 1), (uint32_t)v);
	if (word == NULL)
		return false;
	put(o, "%s", word);
	return true;
}

static void
put_number(struct out *o, enum filter_type type, uint64_t v)
{
	if (type == FILTER_T_TIME)
		put_time(o, v);
	else if (type == FILTER_T_SECONDS)
		put_micros(o, v);
	else if (type == FILTER_T_APP)
		put(o, "%" PRIu64 ":%" PRIu64, v >> 56, v & (((uint64_t)1 << 56) - 1));
	else if (type == FILTER_T_COUNTRY) {
		if (v == 0)
			put(o, "??");
		else
			put(o, "%c%c", (int)(v >> 8), (int)(v & 255));
	} else if (!put_name(o, type, v))
		put(o, "%" PRIu64, v);
}

static void
put_value(struct out *o, enum filter_type type, const struct filter_value *v)
{
	const uint8_t *b = v->bytes;
	char text[ADDR_TEXT];
	if (v->kind == FILTER_V_ELEMENT && v->quoted && !strchr(v->word, '"')) {
		put(o, "\"%s\"", v->word);
	} else if (v->kind == FILTER_V_ELEMENT && v->quoted) {
		put(o, "'%s'", v->word);
	} else if (v->kind == FILTER_V_ELEMENT) {
		put(o, "%s", v->word);
	} else if (v->kind == FILTER_V_WORD) {
		put_word(o, type, v->word);
	} else if (v->kind == FILTER_V_RANGE) {
		if (v->lo != v->hi) { /* ranges are numbers on both ends: a name may hold the dash itself */
			if (type == FILTER_T_SECONDS) {
				put_micros(o, v->lo);
				put(o, "-");
				put_micros(o, v->hi);
			} else
				put(o, "%" PRIu64 "-%" PRIu64, v->lo, v->hi);
		} else
			put_number(o, type, v->lo);
	} else if (type == FILTER_T_MAC) {
		put(o, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	} else if (type == FILTER_T_GUID) {
		guid_text(b, text);
		put(o, "%s", text);
	} else if (v->bits == 128 && type != FILTER_T_BLOCK) {
		addr_text(b, text);
		put(o, "%s", text);
	} else {
		addr_prefix_text(b, v->bits, text);
		put(o, "%s", text);
	}
}

static void
put_test(struct out *o, const struct filter_node *t, bool inner)
{
	const struct filter_field_info *f = filter_field_info(t->field);
	char name[IE_NAME], field[IE_NAME + 8];
	snprintf(field, sizeof field, "%s", f->name);
	if (f->type == FILTER_T_ELEMENT) {
		ie_name(t->pen, t->id, name);
		snprintf(field, sizeof field, "%s(%s)", f->name, name);
	}
	if (t->bare && f->type == FILTER_T_ELEMENT) {
		put(o, "%s", field);
		return;
	}
	if (t->bare) {
		put_value(o, f->type, &t->value[0]);
		return;
	}
	if (t->n > 1 && inner)
		put(o, "(");
	for (uint32_t i = 0; i < t->n; i++) {
		if (i > 0)
			put(o, t->cmp == FILTER_NE ? " && " : " || ");
		put(o, "%s %s ", field, filter_cmp_text(t->cmp));
		put_value(o, f->type, &t->value[i]);
	}
	if (t->n > 1 && inner)
		put(o, ")");
}

static void
put_node(struct out *o, const struct filter_node *n, bool inner)
{
	static const char *const signs[] = {
		[FILTER_AND] = " && ", [FILTER_OR] = " || ", [FILTER_XOR] = " ^| "};
	switch (n->op) {
	case FILTER_TEST:
		put_test(o, n, inner);
		break;
	case FILTER_NOT:
		put(o, "!(");
		put_node(o, n->child[0], false);
		put(o, ")");
		break;
	default:
		if (inner)
			put(o, "(");
		for (uint32_t i = 0; i < n->n; i++) {
			if (i > 0)
				put(o, "%s", signs[n->op]);
			put_node(o, n->child[i], true);
		}
		if (inner)
			put(o, ")");
	}
}

char *
filter_print(struct arena *a, const struct filter_node *node)
{
	struct out o = {.arena = a, .room = 256};
	o.text = arena_alloc(a, o.room);
	if (o.text == NULL)
		return NULL;
	o.text[0] = 0;
	if (node != NULL)
		put_node(&o, node, false);
	return o.full ? NULL : o.text;
}
