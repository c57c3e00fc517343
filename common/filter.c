/*
 * filter.c - the parser of the filter language: recursive descent over a lexer that is asked for one token
 * at a time.  What a run of word characters means (address, range, name) depends on the field before it, so
 * the lexer only finds its ends; filter_value.c reads it.
 */
#include "common/filter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum token { T_END, T_OPEN, T_CLOSE, T_COMMA, T_AND, T_OR, T_XOR, T_NOT, T_CMP, T_WORD, T_STRING, T_BAD };

struct parser {
	struct arena *arena;
	const char *text, *at; /* at: beyond the current token */
	struct err *err;
	enum token token;
	enum filter_cmp cmp; /* of T_CMP */
	const char *start;   /* of the token */
	char *word;          /* of T_WORD, T_STRING */
	const char *problem; /* of T_BAD */
	unsigned depth, tests, values;
};

static const struct filter_field_info fields[FILTER_FIELDS] = {
#define FILTER(name, type, part, a, b, has_a, has_b, most, help) {#name, help, FILTER_T_##type, most},
#include "common/filters.def"
#undef FILTER
};
static const struct {
	const char *name;
	enum filter_field field;
} aliases[] = {
#define FILTER_ALIAS(other, name) {#other, FILTER_##name},
#include "common/filters.def"
#undef FILTER_ALIAS
};

const struct filter_field_info *
filter_field_info(enum filter_field field)
{
	return &fields[field];
}

int
filter_field_find(const char *name)
{
	for (int i = 0; i < FILTER_FIELDS; i++)
		if (strcasecmp(fields[i].name, name) == 0)
			return i;
	for (unsigned i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (strcasecmp(aliases[i].name, name) == 0)
			return (int)aliases[i].field;
	return -1;
}

const char *
filter_alias(unsigned i, enum filter_field *field)
{
	if (i >= sizeof aliases / sizeof aliases[0])
		return NULL;
	*field = aliases[i].field;
	return aliases[i].name;
}

const char *
filter_cmp_text(enum filter_cmp cmp)
{
	static const char *const text[] = {"==", "!=", "<", "<=", ">", ">="};
	return text[cmp];
}

/* characters, not bytes: that is what a person counts */
static uint32_t
position(const struct parser *p, const char *at)
{
	uint32_t n = 1;
	for (const char *s = p->text; s < at; s++)
		if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
	return n;
}

static int
expected(struct parser *p, const char *at, const char *what)
{
	char found[40];
	if (*at == 0)
		snprintf(found, sizeof found, "the end of the filter");
	else
		snprintf(found, sizeof found, "`%.24s`", at);
	uint32_t pos = position(p, at);
	err_set(p->err, FT_EINVAL, "filter, position %u: expected %s, found %s", pos, what, found);
	if (p->err)
		p->err->sys = (int)pos;
	return FT_EINVAL;
}

static int
refuse(struct parser *p, const char *at, const char *why)
{
	uint32_t pos = position(p, at);
	err_set(p->err, FT_EINVAL, "filter, position %u: %s", pos, why);
	if (p->err)
		p->err->sys = (int)pos;
	return FT_EINVAL;
}

static int
no_memory(struct parser *p)
{
	return err_set(p->err, FT_EFULL, "the filter needs more memory than a query may use");
}

/* ---- lexer ---------------------------------------------------------------------------------------- */

static bool
is_word(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || (c != 0 && strchr("_.:/-*?+@#%$;", c) != NULL);
}

static void
lex_string(struct parser *p, char quote)
{
	const char *end = strchr(p->at, quote);
	if (end == NULL) {
		p->token = T_BAD;
		p->problem = quote == '"' ? "a closing \"" : "a closing '";
		p->start = p->text + strlen(p->text);
		return;
	}
	size_t n = (size_t)(end - p->at);
	p->word = arena_alloc(p->arena, n + 1);
	p->token = T_STRING;
	if (p->word != NULL) {
		memcpy(p->word, p->at, n);
		p->word[n] = 0;
	}
	p->at = end + 1;
}

static void
lex_word(struct parser *p)
{
	while (is_word((unsigned char)*p->at))
		p->at++;
	size_t n = (size_t)(p->at - p->start);
	p->word = arena_alloc(p->arena, n + 1);
	p->token = T_WORD;
	if (p->word == NULL)
		return;
	memcpy(p->word, p->start, n);
	p->word[n] = 0;
	static const struct {
		const char *word;
		enum token token;
	} keywords[] = {{"and", T_AND}, {"or", T_OR}, {"xor", T_XOR}, {"not", T_NOT}};
	for (unsigned i = 0; i < 4; i++)
		if (strcasecmp(p->word, keywords[i].word) == 0)
			p->token = keywords[i].token;
}

static void
next(struct parser *p)
{
	static const struct {
		char text[3];
		enum token token;
		enum filter_cmp cmp;
	} signs[] = {{"&&", T_AND, 0}, {"||", T_OR, 0}, {"^|", T_XOR, 0}, {"^^", T_XOR, 0},
		{"==", T_CMP, FILTER_EQ}, {"!=", T_CMP, FILTER_NE}, {"<=", T_CMP, FILTER_LE},
		{">=", T_CMP, FILTER_GE}, {"=", T_CMP, FILTER_EQ}, {"<", T_CMP, FILTER_LT},
		{">", T_CMP, FILTER_GT}, {"!", T_NOT, 0}, {"(", T_OPEN, 0}, {")", T_CLOSE, 0},
		{",", T_COMMA, 0}};

	while (isspace((unsigned char)*p->at))
		p->at++;
	p->start = p->at;
	p->word = NULL;
	if (*p->at == 0) {
		p->token = T_END;
		return;
	}
	for (unsigned i = 0; i < sizeof signs / sizeof signs[0]; i++) {
		size_t n = strlen(signs[i].text);
		if (strncmp(p->at, signs[i].text, n) == 0) {
			p->at += n;
			p->token = signs[i].token;
			p->cmp = signs[i].cmp;
			return;
		}
	}
	if (*p->at == '"' || *p->at == '\'') {
		char quote = *p->at++;
		lex_string(p, quote);
		return;
	}
	if (is_word((unsigned char)*p->at)) {
		lex_word(p);
		return;
	}
	p->token = T_BAD;
	p->problem = *p->at == '&'   ? "&&"
		     : *p->at == '|' ? "||"
		     : *p->at == '^' ? "^|"
				     : "a field, operator or value";
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static struct filter_node *
node_new(struct parser *p, enum filter_op op, const char *at)
{
	struct filter_node *n = arena_zalloc(p->arena, sizeof *n);
	if (n == NULL) {
		no_memory(p);
		return NULL;
	}
	n->op = op;
	n->position = position(p, at);
	return n;
}

static bool
is_element(const struct filter_node *t)
{
	return fields[t->field].type == FILTER_T_ELEMENT;
}

static int
element_value(struct parser *p, const struct filter_node *t, struct filter_value *out)
{
	struct ie_value *v = arena_zalloc(p->arena, sizeof *v);
	if (v == NULL)
		return FT_EFULL;
	*out = (struct filter_value){
		.kind = FILTER_V_ELEMENT, .word = p->word, .quoted = p->token == T_STRING, .element = v};
	return ie_value_parse(p->arena, ie_type(t->pen, t->id), p->word, out->quoted, v);
}

/* the current token as a value of the field; keywords are words here: a host may be called "and" */
static int
parse_value(struct parser *p, const struct filter_node *t, struct filter_value *out)
{
	const char *expects = is_element(t) ? ie_type_expects(ie_type(t->pen, t->id))
					    : filter_type_expects(fields[t->field].type);
	if (p->token == T_BAD || p->word == NULL)
		return expected(p, p->start, p->token == T_BAD && *p->start == 0 ? p->problem : expects);
	if (++p->values > FILTER_MAX_VALUES)
		return refuse(p, p->start, "too many values (at most 16384 in a filter)");
	struct err why = {0};
	int rc = is_element(t)
			 ? element_value(p, t, out)
			 : filter_value_parse(p->arena, t->field, p->word, p->token == T_STRING, out, &why);
	out->position = position(p, p->start);
	if (rc == FT_EFULL)
		return no_memory(p);
	if (rc != 0)
		return expected(p, p->start, why.text[0] ? why.text : expects);
	return 0;
}

/* "( value, … )"; the opening parenthesis is the current token */
static int
parse_list(struct parser *p, struct filter_node *t)
{
	if (p->token != T_OPEN)
		return expected(p, p->start, "( after in");
	struct filter_value *list = NULL;
	uint32_t n = 0, room = 0;
	do {
		next(p);
		if (n == room) {
			room = room ? room * 2 : 8;
			struct filter_value *more = arena_alloc(p->arena, room * sizeof *more);
			if (more == NULL)
				return no_memory(p);
			if (n > 0)
				memcpy(more, list, n * sizeof *list);
			list = more;
		}
		memset(&list[n], 0, sizeof list[n]);
		int rc = parse_value(p, t, &list[n++]);
		if (rc != 0)
			return rc;
		next(p);
	} while (p->token == T_COMMA);
	if (p->token != T_CLOSE)
		return expected(p, p->start, ", or ) in the list of values");
	next(p);
	t->value = list;
	t->n = n;
	return 0;
}

static int
parse_compare(struct parser *p, struct filter_node *t)
{
	const char *sign = p->start;
	t->cmp = p->cmp;
	if (t->cmp > FILTER_NE && !(is_element(t) ? ie_type_ordered(ie_type(t->pen, t->id))
						  : filter_type_ordered(fields[t->field].type))) {
		char what[96 + IE_NAME], name[IE_NAME];
		(void)ie_name(t->pen, t->id, name);
		snprintf(what, sizeof what, "== or != or in after %s, which has no order",
			is_element(t) ? name : fields[t->field].name);
		return expected(p, sign, what);
	}
	t->value = arena_zalloc(p->arena, sizeof *t->value);
	if (t->value == NULL)
		return no_memory(p);
	t->n = 1;
	next(p);
	const char *at = p->start;
	int rc = parse_value(p, t, t->value);
	if (rc != 0)
		return rc;
	if (t->cmp > FILTER_NE && is_element(t)) {
		if (!ie_value_single(t->value->element))
			return expected(p, at, "one number, not a range or text, after < <= > >=");
	} else if (t->cmp > FILTER_NE) {
		if (t->value->kind == FILTER_V_RANGE && t->value->lo != t->value->hi)
			return expected(p, at, "one number, not a range, after < <= > >=");
		if (t->value->kind != FILTER_V_RANGE && t->value->kind != FILTER_V_WORD)
			return expected(p, at, "a number");
	}
	next(p);
	return 0;
}

/* "( element )" after IE */
static int
parse_element(struct parser *p, struct filter_node *t)
{
	static const char what[] =
		"an information element: a name such as minimumTTL, or PEN.ID such as 9.12235";
	if (p->token != T_OPEN)
		return expected(p, p->start, "( and an information element after IE");
	next(p);
	if (p->word == NULL || !ie_parse(p->word, &t->pen, &t->id))
		return expected(p, p->start, p->token == T_BAD && *p->start == 0 ? p->problem : what);
	next(p);
	if (p->token != T_CLOSE)
		return expected(p, p->start, ") after the information element");
	next(p);
	return 0;
}

/* IE(element) with no comparison: it was sent */
static int
bare_element(struct parser *p, struct filter_node *t)
{
	struct ie_value *any = arena_zalloc(p->arena, sizeof *any);
	t->value = arena_zalloc(p->arena, sizeof *t->value);
	if (any == NULL || t->value == NULL)
		return no_memory(p);
	any->form = IE_F_ANY;
	*t->value = (struct filter_value){.kind = FILTER_V_ELEMENT, .position = t->position, .element = any};
	t->n = 1;
	t->bare = true;
	return 0;
}

/* a TCP flag or GUID alone; false: it is neither */
static bool
parse_bare(struct parser *p, struct filter_node *t)
{
	static const enum filter_field alone[] = {FILTER_FLAGS, FILTER_GUID};
	for (unsigned i = 0; i < 2; i++) {
		struct filter_value v = {0};
		if (filter_value_parse(p->arena, alone[i], p->word, false, &v, NULL) != 0)
			continue;
		t->value = arena_zalloc(p->arena, sizeof v);
		if (t->value == NULL)
			return false;
		v.position = t->position;
		*t->value = v;
		t->n = 1;
		t->field = alone[i];
		t->cmp = FILTER_EQ;
		t->bare = true;
		next(p);
		return true;
	}
	return false;
}

/* "( in )" after IFROLE */
static int
parse_role(struct parser *p, struct filter_node *t)
{
	static const struct {
		const char *word;
		enum filter_field field;
	} sides[] = {{"in", FILTER_INROLE}, {"out", FILTER_OUTROLE}, {"any", FILTER_IFROLE}};
	next(p);
	for (unsigned i = 0; p->word != NULL && i < 3; i++)
		if (strcasecmp(p->word, sides[i].word) == 0) {
			t->field = sides[i].field;
			next(p);
			if (p->token != T_CLOSE)
				return expected(p, p->start, ") after the side of IFROLE");
			next(p);
			return 0;
		}
	return expected(p, p->start, "in, out or any in IFROLE( )");
}

static int
parse_test(struct parser *p, struct filter_node **out)
{
	if (p->token != T_WORD || p->word == NULL)
		return expected(p, p->start,
			p->token == T_BAD ? p->problem : "a field such as SRVIP, a TCP flag, ! or (");
	if (++p->tests > FILTER_MAX_TESTS)
		return refuse(p, p->start, "too many tests (at most 4096 in a filter)");
	struct filter_node *t = node_new(p, FILTER_TEST, p->start);
	if (t == NULL)
		return FT_EFULL;
	*out = t;
	int field = filter_field_find(p->word);
	if (field < 0) {
		if (parse_bare(p, t))
			return 0;
		return expected(p, p->start, "a field such as SRVIP, PORT or CLNCC");
	}
	t->field = (enum filter_field)field;
	next(p);
	int rc = is_element(t)                                  ? parse_element(p, t)
		 : field == FILTER_IFROLE && p->token == T_OPEN ? parse_role(p, t)
								: 0;
	if (rc != 0)
		return rc;
	if (p->token == T_CMP)
		return parse_compare(p, t);
	t->cmp = FILTER_EQ;
	if (p->token == T_NOT && *p->start != '!') {
		t->cmp = FILTER_NE;
		next(p);
	}
	if (p->token == T_WORD && p->word != NULL && strcasecmp(p->word, "in") == 0) {
		next(p);
		return parse_list(p, t);
	}
	if (t->cmp == FILTER_NE)
		return expected(p, p->start, "in after not");
	if (is_element(t))
		return bare_element(p, t);
	char what[96];
	snprintf(what, sizeof what, "a comparison (== != < <= > >= in) after %s", fields[field].name);
	return expected(p, p->start, p->token == T_BAD && *p->start == 0 ? p->problem : what);
}

/* ---- operators ------------------------------------------------------------------------------------ */

static int parse_level(struct parser *p, unsigned level, struct filter_node **out);

static int
parse_primary(struct parser *p, struct filter_node **out)
{
	if (p->token == T_OPEN) {
		if (++p->depth > FILTER_MAX_DEPTH)
			return refuse(p, p->start, "parentheses are nested too deep (at most 64)");
		next(p);
		int rc = parse_level(p, 0, out);
		if (rc != 0)
			return rc;
		if (p->token != T_CLOSE)
			return expected(p, p->start, ") or && || ^|");
		p->depth--;
		next(p);
		return 0;
	}
	if (p->token == T_NOT) {
		if (++p->depth > FILTER_MAX_DEPTH)
			return refuse(p, p->start, "nested too deep (at most 64)");
		struct filter_node *n = node_new(p, FILTER_NOT, p->start);
		if (n == NULL)
			return FT_EFULL;
		n->child = arena_zalloc(p->arena, sizeof *n->child);
		if (n->child == NULL)
			return no_memory(p);
		n->n = 1;
		next(p);
		int rc = parse_primary(p, &n->child[0]);
		p->depth--;
		*out = n;
		return rc;
	}
	return parse_test(p, out);
}

/* level 0: or, 1: xor, 2: and.  Nodes are flat lists, so that a long filter is not a deep one. */
static int
parse_level(struct parser *p, unsigned level, struct filter_node **out)
{
	static const enum token sign[] = {T_OR, T_XOR, T_AND};
	static const enum filter_op op[] = {FILTER_OR, FILTER_XOR, FILTER_AND};
	if (level == 3)
		return parse_primary(p, out);
	const char *at = p->start;
	struct filter_node *first = NULL;
	int rc = parse_level(p, level + 1, &first);
	*out = first;
	if (rc != 0 || p->token != sign[level])
		return rc;
	struct filter_node *n = node_new(p, op[level], at);
	if (n == NULL)
		return FT_EFULL;
	uint32_t room = 0;
	for (struct filter_node *child = first;;) {
		if (n->n == room) {
			room = room ? room * 2 : 4;
			struct filter_node **more =
				arena_alloc(p->arena, room * sizeof(struct filter_node *));
			if (more == NULL)
				return no_memory(p);
			for (uint32_t i = 0; i < n->n; i++)
				more[i] = n->child[i];
			n->child = more;
		}
		n->child[n->n++] = child;
		if (p->token != sign[level])
			break;
		next(p);
		rc = parse_level(p, level + 1, &child);
		if (rc != 0)
			return rc;
	}
	*out = n;
	return 0;
}

int
filter_parse(struct arena *a, const char *text, struct filter_node **out, struct err *err)
{
	*out = NULL;
	if (err)
		*err = (struct err){0};
	if (text == NULL)
		return 0;
	if (strnlen(text, FILTER_MAX_TEXT + 1) > FILTER_MAX_TEXT) {
		err_set(err, FT_EINVAL, "the filter is longer than 65536 bytes");
		if (err)
			err->sys = FILTER_MAX_TEXT + 1;
		return FT_EINVAL;
	}
	struct parser p = {.arena = a, .text = text, .at = text, .err = err};
	next(&p);
	if (p.token == T_END)
		return 0;
	struct filter_node *root = NULL;
	int rc = parse_level(&p, 0, &root);
	if (rc == 0 && p.token != T_END)
		rc = expected(
			&p, p.start, p.token == T_BAD ? p.problem : "&&, ||, ^| or the end of the filter");
	if (rc == 0)
		*out = root;
	return rc;
}
