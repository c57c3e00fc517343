/*
 * options.c - options data records (RFC 3954 section 6, RFC 7011 section 3.4.2.2) joined to tables by what they are
 * about:
 *   rate: 34, 50: 1 in N;  305/306: interval taken, space left out;  309/310: size out of a population;  311: probability
 *        of a sampler (48 or 302), of the flows of a template (145, or scope 5 of v9), of an interface (10, 252, or
 *        scope 2 of v9), or of all that the source sends.  A flow's rate is that of the sampler it names, else its
 *        template's, else its interface's, else the source's; who names no sampler where there are several gets
 *        the one last told of.
 *   160 systemInitTime -> base of uptime-relative stamps in IPFIX
 *   10, 14, 252 or 253 interface -> names (82, 83): a table of their own (interface.h)
 *   95 application -> name (94, 96)
 *   234 or 235 VRF -> name (236): in the table of interfaces, too
 * Tables are by exporter and domain, never by port: exporters send options from another socket than data.
 * Values are remembered through the learn log, and only when they change.
 */
#include "ingest/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "ingest/interface.h"

enum { TABLE_MAX = 65536, TEXT_MAX = 128 };
#if defined FT_TINY || defined FT_FUZZ
enum { BUCKETS = 64 };
#else
enum { BUCKETS = 16384 };
#endif
#define NO_LABEL UINT32_MAX /* there was no room for it */
/* what an option is about: learn_key.version of LEARN_OPTION */
enum about { ABOUT_INIT = 1, ABOUT_APP = 4, ABOUT_APP_TEXT };

struct option {
	struct option *next;
	struct learn_key key;
	uint32_t n;
	uint32_t label; /* of an application's name; 0: not asked for yet */
	uint8_t value[TEXT_MAX];
};
struct option_table {
	struct option *bucket[BUCKETS];
	uint32_t used;
	bool scoped; /* a rate of a template or an interface is known */
};
/* learn_key.sub of a LEARN_SAMPLER: whose rate it is; of samplers and sources 0 */
#define SCOPE_TEMPLATE (UINT64_C(1) << 32)
#define SCOPE_INTERFACE (UINT64_C(2) << 32)
#define SCOPE_SAMPLER (UINT64_C(3) << 32) /* the sampler last told of */

struct option_table *
option_table_new(void)
{
	return calloc(1, sizeof(struct option_table));
}

void
option_table_free(struct option_table *t)
{
	for (unsigned b = 0; t && b < BUCKETS; b++)
		for (struct option *o = t->bucket[b], *next; o; o = next) {
			next = o->next;
			free(o);
		}
	free(t);
}

static struct option **
place(const struct option_table *t, const struct learn_key *key)
{
	uint64_t h = hash_mix((uint64_t)key->exporter << 32 | key->domain,
		hash_mix(key->sub, (uint64_t)key->id << 16 | (uint64_t)key->kind << 8 | key->version) ^
			hash_secret());
	struct option **at = (struct option **)(uintptr_t)&t->bucket[h & (BUCKETS - 1)];
	while (*at && memcmp(&(*at)->key, key, sizeof *key) != 0)
		at = &(*at)->next;
	return at;
}

/* false: no room */
static bool
put(struct option_table *t, const struct learn_key *key, const void *value, size_t n, bool *changed)
{
	struct option **at = place(t, key);
	*changed = false;
	if (n > TEXT_MAX)
		n = TEXT_MAX;
	if (*at && (*at)->n == n && memcmp((*at)->value, value, n) == 0)
		return true;
	if (*at == NULL) {
		if (t->used == TABLE_MAX || (*at = calloc(1, sizeof **at)) == NULL)
			return false;
		(*at)->key = *key;
		t->used++;
	}
	(*at)->n = (uint32_t)n;
	(*at)->label = 0;
	memcpy((*at)->value, value, n);
	t->scoped |= key->kind == LEARN_SAMPLER && key->sub != 0 && key->sub < SCOPE_SAMPLER;
	*changed = true;
	return true;
}

static void
learn_option(struct message *m, const struct learn_key *key, const void *value, size_t n)
{
	bool changed;
	if (!put(m->d->options, key, value, n, &changed))
		m->d->totals.bound_hits++;
	else if (changed)
		learn_put(m->d->learn, key, value, n > TEXT_MAX ? TEXT_MAX : n);
}

static struct learn_key
sampler_key(const struct message *m, uint32_t sampler)
{
	return (struct learn_key){.kind = LEARN_SAMPLER,
		.version = m->version,
		.exporter = m->exporter,
		.domain = m->domain,
		.id = sampler};
}

static uint32_t
rate_at(const struct option_table *t, const struct learn_key *key)
{
	uint32_t rate = 0;
	const struct option *o = *place(t, key);
	if (o && o->n == sizeof rate)
		memcpy(&rate, o->value, sizeof rate);
	return rate;
}

uint32_t
options_app_name(const struct option_table *t, const struct message *m, uint64_t app)
{
	struct learn_key key = {.kind = LEARN_OPTION,
		.version = ABOUT_APP,
		.exporter = m->exporter,
		.domain = m->domain,
		.sub = app};
	struct option *o = t->used ? *place(t, &key) : NULL;
	if (o == NULL)
		return 0;
	if (o->label == 0) {
		o->label = m->d->sink.label(m->d->sink.ctx, m->exporter, o->value, o->n);
		if (o->label == 0) {
			o->label = NO_LABEL;
			m->d->totals.bound_hits++;
		}
	}
	return o->label == NO_LABEL ? 0 : o->label;
}

uint32_t
options_rate(const struct option_table *t, const struct message *m, uint32_t sampler)
{
	if (t->used == 0)
		return 0;
	struct learn_key key = sampler_key(m, sampler);
	uint32_t rate = rate_at(t, &key);
	if (rate == 0 && sampler == OPTIONS_DEFAULT) {
		key.sub = SCOPE_SAMPLER;
		rate = rate_at(t, &key);
	}
	return rate;
}

uint32_t
options_scoped_rate(
	const struct option_table *t, const struct message *m, unsigned template_id, const struct ft_flow *f)
{
	if (!t->scoped)
		return 0;
	struct learn_key key = sampler_key(m, OPTIONS_DEFAULT);
	key.sub = SCOPE_TEMPLATE | template_id;
	uint32_t rate = rate_at(t, &key);
	if (rate || !(f->bits & FT_FLOW_HAS_IF))
		return rate;
	key.sub = SCOPE_INTERFACE | f->in_if;
	rate = rate_at(t, &key);
	if (rate)
		return rate;
	key.sub = SCOPE_INTERFACE | f->out_if;
	return rate_at(t, &key);
}

uint64_t
options_init_time(const struct option_table *t, const struct message *m)
{
	uint64_t ms = 0;
	struct learn_key key = {.kind = LEARN_OPTION,
		.version = ABOUT_INIT,
		.exporter = m->exporter,
		.domain = m->domain,
		.id = m->version};
	const struct option *o = t->used ? *place(t, &key) : NULL;
	if (o && o->n == sizeof ms)
		memcpy(&ms, o->value, sizeof ms);
	return ms;
}

/* ---- a record --------------------------------------------------------------------------------- */

struct seen { /* what one record says */
	bool has_sampler, has_interface, has_app, has_vrf, has_template;
	uint64_t sampler, interface, app, vrf, template;
	uint64_t one_in; /* 311, as a rate */
	uint64_t interval, random_interval, taken, left_out, size, population, init_ms;
	const uint8_t *text[4]; /* interface name, description; application name, description */
	size_t text_n[4];
	const uint8_t *vrf_name;
	size_t vrf_name_n;
};

static uint64_t
number(const uint8_t *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	return cursor_uint(&c, n);
}

/* strings may lack a NUL, or be padded with them */
static size_t
text_length(const uint8_t *p, size_t n)
{
	const uint8_t *end = n ? memchr(p, 0, n) : NULL;
	return end ? (size_t)(end - p) : n;
}

/* a probability, float32 or float64 (RFC 7011 section 6.1.2, 6.2), as 1 in so many; 0: none that can be */
static uint64_t
inverse(const uint8_t *p, size_t n)
{
	uint64_t wide = number(p, n);
	uint32_t narrow = (uint32_t)wide;
	double probability = 0;
	float single;
	if (n == 8)
		memcpy(&probability, &wide, sizeof probability);
	else if (n == 4) {
		memcpy(&single, &narrow, sizeof single);
		probability = (double)single;
	}
	return probability > 1e-9 && probability <= 1 ? (uint64_t)(1 / probability + 0.5) : 0;
}

static void
note_text(struct seen *s, unsigned i, const uint8_t *p, size_t n)
{
	s->text[i] = p;
	s->text_n[i] = text_length(p, n);
}

static void
note(struct seen *s, uint16_t id, const uint8_t *p, size_t n)
{
	switch (id) {
	case 10:  /* ingressInterface */
	case 14:  /* egressInterface */
	case 252: /* ingressPhysicalInterface */
	case 253: /* egressPhysicalInterface */
		if (!s->has_interface)
			s->interface = number(p, n);
		s->has_interface = true;
		break;
	case 34: /* samplingInterval */
		s->interval = number(p, n);
		break;
	case 48:  /* samplerId */
	case 302: /* selectorId */
		s->has_sampler = true;
		s->sampler = number(p, n);
		break;
	case 50: /* samplerRandomInterval */
		s->random_interval = number(p, n);
		break;
	case 82: /* interfaceName */
		note_text(s, 0, p, n);
		break;
	case 83: /* interfaceDescription */
		note_text(s, 1, p, n);
		break;
	case 94: /* applicationDescription */
		note_text(s, 3, p, n);
		break;
	case 95: /* applicationId: RFC 6759, engine and selector */
		s->has_app = n > 0;
		s->app = n > 0 ? (uint64_t)p[0] << 56 | (number(p + 1, n - 1) & 0xffffffffffffff) : 0;
		break;
	case 96: /* applicationName */
		note_text(s, 2, p, n);
		break;
	case 145: /* templateId */
		s->has_template = true;
		s->template = number(p, n);
		break;
	case 160: /* systemInitTimeMilliseconds */
		s->init_ms = number(p, n);
		break;
	case 234: /* ingressVRFID */
	case 235: /* egressVRFID */
		if (!s->has_vrf)
			s->vrf = number(p, n);
		s->has_vrf = true;
		break;
	case 236: /* VRFname */
		s->vrf_name = p;
		s->vrf_name_n = text_length(p, n);
		break;
	case 305: /* samplingPacketInterval */
		s->taken = number(p, n);
		break;
	case 306: /* samplingPacketSpace */
		s->left_out = number(p, n);
		break;
	case 309: /* samplingSize */
		s->size = number(p, n);
		break;
	case 310: /* samplingPopulation */
		s->population = number(p, n);
		break;
	case 311: /* samplingProbability */
		s->one_in = inverse(p, n);
		break;
	default:
		break;
	}
}

static uint64_t
rate_of(const struct seen *s)
{
	if (s->random_interval)
		return s->random_interval;
	if (s->interval)
		return s->interval;
	if (s->taken && s->left_out)
		return (s->taken + s->left_out) / s->taken;
	if (s->taken) /* no space: "1 in interval", as some write it */
		return s->taken;
	if (s->size && s->population >= s->size)
		return s->population / s->size;
	return s->one_in;
}

static void
learn_rate(struct message *m, const struct seen *s)
{
	uint64_t wide = rate_of(s);
	uint32_t rate = wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
	if (rate == 0)
		return;
	struct learn_key all = sampler_key(m, OPTIONS_DEFAULT);
	if (s->has_sampler) {
		struct learn_key key = sampler_key(m, (uint32_t)s->sampler);
		if (key.id != OPTIONS_DEFAULT)
			learn_option(m, &key, &rate, sizeof rate);
		/* flows that name no sampler: what was said of the whole source, else the sampler last told of */
		all.sub = SCOPE_SAMPLER;
	} else if (s->has_template || s->has_interface) {
		struct learn_key key = sampler_key(m, OPTIONS_DEFAULT);
		key.sub = s->has_template ? SCOPE_TEMPLATE | (uint16_t)s->template
					  : SCOPE_INTERFACE | (uint32_t)s->interface;
		learn_option(m, &key, &rate, sizeof rate);
		return;
	}
	learn_option(m, &all, &rate, sizeof rate);
	m->d->work.sampling = options_rate(m->d->options, m, OPTIONS_DEFAULT);
}

static void
tell(struct message *m, struct interface_says *s)
{
	if (m->d->sink.interface && !m->d->sink.interface(m->d->sink.ctx, m, s))
		m->d->totals.bound_hits++;
}

void
options_interface(struct message *m, uint32_t index, const uint8_t *name, size_t name_n,
	const uint8_t *description, size_t description_n, uint64_t speed)
{
	struct interface_says s = {.index = index,
		.at_us = m->ctx.export_time.us,
		.from = FT_FROM_EXPORTER,
		.name = name,
		.name_n = name_n,
		.description = description,
		.description_n = description_n,
		.speed = speed};
	tell(m, &s);
}

static void
learn_names(struct message *m, const struct seen *s)
{
	struct learn_key key = {.kind = LEARN_OPTION, .exporter = m->exporter, .domain = m->domain};
	if (s->has_interface && s->interface <= UINT32_MAX && (s->text[0] || s->text[1]))
		options_interface(
			m, (uint32_t)s->interface, s->text[0], s->text_n[0], s->text[1], s->text_n[1], 0);
	for (unsigned i = 2; i < 4; i++) {
		if (s->text[i] == NULL || s->text_n[i] == 0 || !s->has_app)
			continue;
		key.version = (uint8_t)(ABOUT_APP + (i - 2));
		key.sub = s->app;
		learn_option(m, &key, s->text[i], s->text_n[i]);
	}
	if (s->has_vrf && s->vrf <= UINT32_MAX && s->vrf_name_n) {
		struct interface_says v = {.kind = FT_KIND_VRF,
			.index = (uint32_t)s->vrf,
			.at_us = m->ctx.export_time.us,
			.from = FT_FROM_EXPORTER,
			.name = s->vrf_name,
			.name_n = s->vrf_name_n};
		tell(m, &v);
	}
}

int
options_record(struct message *m, const struct template *t, const uint8_t *p, size_t left)
{
	struct cursor c = cursor_of(p, left);
	struct seen s = {0};
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct template_field *f = &t->field[i];
		size_t n = f->length;
		if (n == PROGRAM_VARIABLE) {
			n = cursor_u8(&c);
			if (n == 255)
				n = cursor_u16(&c);
		}
		const uint8_t *at = cursor_take(&c, n);
		if (at == NULL)
			return -1;
		/* v9 scopes are numbered apart (RFC 3954 section 6.1): 2 is an interface, 5 a template */
		bool v9_scope = t->version == 9 && i < t->n_scope;
		if (v9_scope && f->id == 2)
			note(&s, 10, at, n);
		else if (v9_scope && f->id == 5)
			note(&s, 145, at, n);
		else if (!v9_scope && f->pen == 0)
			note(&s, f->id, at, n);
	}
	learn_rate(m, &s);
	learn_names(m, &s);
	if (s.init_ms) {
		struct learn_key key = {.kind = LEARN_OPTION,
			.version = ABOUT_INIT,
			.exporter = m->exporter,
			.domain = m->domain,
			.id = m->version};
		learn_option(m, &key, &s.init_ms, sizeof s.init_ms);
		m->d->work.init_ms = s.init_ms;
		m->ctx.init_ms = (int64_t)s.init_ms;
	}
	m->d->work.options++;
	return (int)(left - cursor_left(&c));
}

static int
load_one(void *ctx, const struct learn_key *key, const uint8_t *value, size_t n)
{
	struct decoder *d = ctx;
	struct learn_key k = *key;
	bool changed;
	if (key->kind == LEARN_OPTION && (key->version == 2 || key->version == 3))
		return 0; /* interfaces, as builds before 0.1.0 kept them */
	if (key->kind == LEARN_OPTION && key->version == 6)
		return 0; /* VRFs, likewise */
	k.port = 0;
	(void)put(d->options, &k, value, n, &changed); /* no room: it was bounded when it was learnt */
	return 0;
}

int
options_load(struct decoder *d, struct err *err)
{
	int rc = learn_each(d->learn, LEARN_SAMPLER, load_one, d, err);
	return rc ? rc : learn_each(d->learn, LEARN_OPTION, load_one, d, err);
}

void
options_forget(struct decoder *d, uint32_t exporter)
{
	struct option_table *t = d->options;
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct option **at = &t->bucket[b], *o; (o = *at) != NULL;) {
			if (o->key.exporter != exporter) {
				at = &o->next;
				continue;
			}
			*at = o->next;
			learn_del(d->learn, &o->key);
			free(o);
			t->used--;
		}
}
