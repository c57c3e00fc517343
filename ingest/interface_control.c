/*
 * interface_control.c - the operation "interfaces" of ft-ingest's control socket:
 *
 *   {"do": "list" [, "exporter": address]}              {"interfaces": [{exporter, index, name, …, versions}]}
 *   {"do": "rules"}                                     {"rules": […]}
 *   {"do": "role", "role": external | internal | none, "exporter": address, "index": number}
 *   {"do": "role", "role": …, "name" | "description" | "speed": text [, "exporter": address]}   {"rule": number}
 *   {"do": "forget", "rule": number}                    {}
 *   {"do": "put", "exporter": address, "at_us": …, "interfaces": [{index, name, description, speed}]}      {}
 *        what ft-snmp read, and when it was so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "ingest/exporter_set.h"
#include "ingest/interface.h"

static const char *const from_words[] = {"", "exporter", "snmp", "file"};

static json_t *
interface_json(const struct ft_interface *i)
{
	char address[ADDR_TEXT];
	addr_text(i->address, address);
	return json_pack("{s:s, s:o, s:I, s:s, s:s, s:I, s:s, s:I, s:s}", "exporter", address, "guid",
		exporter_guid_json(i->guid), "index", (json_int_t)i->index, "name", i->name, "description",
		i->description, "speed", (json_int_t)i->speed, "role", role_word(i->role), "since_us",
		(json_int_t)(i->since_us == INT64_MIN ? 0 : i->since_us), "from",
		from_words[i->from_name <= FT_FROM_FILE ? i->from_name : 0]);
}

static int
by_place(const void *x, const void *y)
{
	const struct ft_interface *a = x, *b = y;
	int c = memcmp(a->address, b->address, 16);
	if (c == 0)
		c = memcmp(a->guid, b->guid, 16);
	if (c == 0)
		c = a->index < b->index ? -1 : a->index > b->index;
	return c ? c : a->since_us < b->since_us ? -1 : a->since_us > b->since_us;
}

json_t *
interfaces_json(struct interface_table *x, uint8_t kind, const uint8_t *address, const uint8_t *guid)
{
	json_t *list = json_array();
	pthread_mutex_lock(&x->mutex);
	uint32_t n = x->t->count, used = 0;
	struct ft_interface *all = malloc((size_t)(n ? n : 1) * sizeof *all);
	for (uint32_t s = 0; all && s < n; s++)
		if (x->t->slot[s].used && x->t->slot[s].kind == kind &&
			(address == NULL || memcmp(x->t->slot[s].address, address, 16) == 0) &&
			(guid == NULL || memcmp(x->t->slot[s].guid, guid, 16) == 0))
			all[used++] = x->t->slot[s];
	pthread_mutex_unlock(&x->mutex);
	if (all && used)
		qsort(all, used, sizeof *all, by_place);
	for (uint32_t s = 0; s < used; s++)
		json_array_append_new(list, interface_json(&all[s]));
	free(all);
	return list;
}

static json_t *
rule_json(const struct role_rule *r)
{
	static const char *const kind[] = {"", "index", "name", "description", "speed"};
	char address[ADDR_TEXT];
	json_t *o = json_pack("{s:I, s:s, s:s}", "rule", (json_int_t)r->number, "role", role_word(r->role),
		"by", kind[r->by <= ROLE_BY_SPEED ? r->by : 0]);
	if (r->one_exporter) {
		addr_text(r->address, address);
		json_object_set_new(o, "exporter", json_string(address));
	}
	if (r->by == ROLE_BY_HAND)
		json_object_set_new(o, "index", json_integer((json_int_t)r->index));
	else
		json_object_set_new(o, "value", json_string(r->pattern));
	return o;
}

json_t *
interfaces_rules_json(struct interface_table *x)
{
	json_t *list = json_array();
	pthread_mutex_lock(&x->mutex);
	for (unsigned k = 0; k < x->rules.n; k++)
		json_array_append_new(list, rule_json(&x->rules.rule[k]));
	pthread_mutex_unlock(&x->mutex);
	return list;
}

static const char *
text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int
exporter_of(const json_t *request, uint8_t address[16], bool *given, struct err *err)
{
	const char *word = text(request, "exporter");
	*given = word != NULL;
	if (word && addr_parse(word, address) != 0)
		return err_set(err, FT_EINVAL, "expected the address of an exporter, found `%.60s`", word);
	return 0;
}

static json_t *
add_rule(struct interface_table *x, const json_t *request, struct err *err)
{
	struct role_rule r = {.number = 0};
	bool one;
	const char *word = text(request, "role"), *pattern;
	int role = word ? role_number(word) : -1;
	if (exporter_of(request, r.address, &one, err) != 0)
		return NULL;
	if (role < 0) {
		err_set(err, FT_EINVAL, "a role is external, internal or none");
		return NULL;
	}
	r.role = (uint8_t)role;
	r.one_exporter = one;
	const json_t *index = json_object_get(request, "index");
	if ((pattern = text(request, "name")))
		r.by = ROLE_BY_NAME;
	else if ((pattern = text(request, "description")))
		r.by = ROLE_BY_DESCRIPTION;
	else if ((pattern = text(request, "speed")))
		r.by = ROLE_BY_SPEED;
	else if (one && json_is_integer(index) && json_integer_value(index) >= 0 &&
		 json_integer_value(index) <= UINT32_MAX) {
		r.by = ROLE_BY_HAND;
		r.index = (uint32_t)json_integer_value(index);
	} else {
		err_set(err, FT_EINVAL,
			"say which: EXPORTER INDEX, or name, description or speed with a value");
		return NULL;
	}
	if (pattern && (*pattern == 0 || strlen(pattern) >= ROLE_PATTERN)) {
		err_set(err, FT_EINVAL, "a value has 1 to %d bytes", ROLE_PATTERN - 1);
		return NULL;
	}
	if (pattern)
		snprintf(r.pattern, sizeof r.pattern, "%s", pattern);
	if (r.by == ROLE_BY_SPEED && !role_speed(pattern, &r.speed_from, &r.speed_to)) {
		err_set(err, FT_EINVAL, "expected a speed such as 10G or 1G-40G, found `%.60s`", pattern);
		return NULL;
	}
	if (interfaces_rule_add(x, &r, err) != 0)
		return NULL;
	return json_pack("{s:I}", "rule", (json_int_t)r.number);
}

static const uint8_t *
bytes_of(const json_t *o, const char *key, size_t *n)
{
	const char *s = text(o, key);
	*n = s ? strlen(s) : 0;
	return (const uint8_t *)s;
}

static json_t *
put(struct interface_table *x, const json_t *request, struct err *err)
{
	uint8_t address[16];
	bool one, room = true;
	const json_t *at = json_object_get(request, "at_us"), *list = json_object_get(request, "interfaces"),
		     *i;
	size_t k;
	if (exporter_of(request, address, &one, err) != 0)
		return NULL;
	if (!one || !json_is_integer(at) || !json_is_array(list)) {
		err_set(err, FT_EINVAL, "put has exporter, at_us and interfaces");
		return NULL;
	}
	json_array_foreach (list, k, i) {
		json_int_t index = json_integer_value(json_object_get(i, "index"));
		json_int_t speed = json_integer_value(json_object_get(i, "speed"));
		struct interface_says s = {.address = address,
			.index = (uint32_t)index,
			.at_us = json_integer_value(at),
			.from = FT_FROM_SNMP,
			.speed = speed > 0 ? (uint64_t)speed : 0};
		s.name = bytes_of(i, "name", &s.name_n);
		s.description = bytes_of(i, "description", &s.description_n);
		if (index >= 0 && index <= UINT32_MAX)
			room = interfaces_learn(x, &s) && room;
	}
	interfaces_settle(x);
	if (!room)
		log_limited(LOG_L_HIGH, "there is no room for all interfaces: raise netflow/maxinterfaces");
	return json_object();
}

json_t *
interfaces_control(struct interface_table *x, const json_t *request, struct err *err)
{
	const char *what = text(request, "do");
	uint8_t address[16];
	bool one;
	if (what && strcmp(what, "list") == 0)
		return exporter_of(request, address, &one, err) != 0
			       ? NULL
			       : json_pack("{s:o}", "interfaces",
					 interfaces_json(x, FT_KIND_INTERFACE, one ? address : NULL, NULL));
	if (what && strcmp(what, "rules") == 0)
		return json_pack("{s:o}", "rules", interfaces_rules_json(x));
	if (what && strcmp(what, "role") == 0)
		return add_rule(x, request, err);
	if (what && strcmp(what, "forget") == 0) {
		json_int_t n = json_integer_value(json_object_get(request, "rule"));
		return interfaces_rule_forget(x, n > 0 && n <= UINT32_MAX ? (uint32_t)n : 0, err)
			       ? NULL
			       : json_object();
	}
	if (what && strcmp(what, "put") == 0)
		return put(x, request, err);
	err_set(err, FT_EINVAL, "`do` is list, rules, role, forget or put");
	return NULL;
}
