/* grammar.c - the filter language and the views as JSON, from their tables: for completion and help. */
#include <string.h>

#include "common/names.h"
#include "queryd/engine_internal.h"
#include "queryd/keys.h"

static json_t *
named(const char *name, const char *help)
{
	json_t *o = json_object();
	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "help", json_string(help));
	return o;
}

static int
kind_of(enum filter_type type)
{
	switch (type) {
	case FILTER_T_PROTO:
		return NAMES_PROTOCOL;
	case FILTER_T_FLAGS:
		return NAMES_TCPFLAG;
	case FILTER_T_VERSION:
		return NAMES_VERSION;
	case FILTER_T_NSEL:
		return NAMES_NSEL;
	case FILTER_T_NSELEXT:
		return NAMES_NSELEXT;
	case FILTER_T_RULE:
		return NAMES_RULE;
	case FILTER_T_END:
		return NAMES_END;
	case FILTER_T_ROLE:
		return NAMES_ROLE;
	default:
		return -1;
	}
}

enum { SERVICES_MOST = 2000 };

static json_t *
values(enum filter_type type, const struct services *services)
{
	json_t *list = json_array();
	unsigned n;
	const struct names_row *row = names_rows(&n);
	int kind = kind_of(type);
	for (unsigned i = 0; i < n && kind >= 0; i++)
		if ((int)row[i].kind == kind)
			json_array_append_new(list, named(row[i].word, row[i].help));
	if (type == FILTER_T_PORT && services != NULL) {
		uint16_t port;
		uint8_t proto;
		const char *name, *before = "";
		for (unsigned i = 0;
			i < SERVICES_MOST && (name = services_row(services, i, &port, &proto)) != NULL; i++) {
			if (strcmp(name, before) == 0)
				continue; /* the same over another protocol */
			json_t *o = json_object();
			json_object_set_new(o, "name", json_string(name));
			json_object_set_new(o, "number", json_integer(port));
			json_array_append_new(list, o);
			before = name;
		}
	}
	return list;
}

static json_t *
field(const char *name, enum filter_field f, const struct services *services)
{
	static const char *const types[FILTER_TYPES] = {"address", "port", "protocol", "count", "seconds",
		"number", "country", "as", "group", "netblock", "mac", "flags", "application", "nsel",
		"nsel_ext", "time", "version", "guid", "rule", "end", "element", "interface", "role"};
	const struct filter_field_info *info = filter_field_info(f);
	json_t *o = named(name, info->help);
	json_object_set_new(o, "type", json_string(types[info->type]));
	json_object_set_new(o, "expects", json_string(filter_type_expects(info->type)));
	json_object_set_new(o, "ordered", json_boolean(filter_type_ordered(info->type)));
	json_object_set_new(o, "values", values(info->type, services));
	return o;
}

json_t *
grammar_json(const struct services *services)
{
	static const char *const operators[] = {
		"==", "!=", "<", "<=", ">", ">=", "in", "not in", "&&", "||", "^|", "!", "(", ")"};
	json_t *o = json_object(), *fields = json_array(), *ops = json_array(), *entities = json_array(),
	       *count = json_array();
	const char *name;
	enum filter_field f;
	const struct view_info *view;
	for (int i = 0; i < FILTER_FIELDS; i++)
		json_array_append_new(fields,
			field(filter_field_info((enum filter_field)i)->name, (enum filter_field)i, services));
	for (unsigned i = 0; (name = filter_alias(i, &f)) != NULL; i++)
		json_array_append_new(fields, field(name, f, NULL));
	for (unsigned i = 0; i < sizeof operators / sizeof operators[0]; i++)
		json_array_append_new(ops, json_string(operators[i]));
	for (int i = 0; i < VIEW_ENTITIES; i++) {
		view = view_info((enum view_entity)i);
		json_t *e = named(view->name, view->help);
		json_object_set_new(e, "sides", json_boolean(view->class == VIEW_TWO));
		json_object_set_new(e, "pair", json_boolean(view->class == VIEW_PAIR));
		json_array_append_new(entities, e);
	}
	for (unsigned i = 0; (name = view_alias(i, &view)) != NULL; i++)
		json_array_append_new(entities, named(name, view->help));
#define COUNT(word, help) json_array_append_new(count, named(#word, help));
#include "queryd/views.def"
#undef COUNT
#define UNIQUE(word) json_array_append_new(count, named("UNIQUE " #word, "distinct " #word));
#include "queryd/views.def"
#undef UNIQUE
	json_object_set_new(o, "fields", fields);
	json_object_set_new(o, "operators", ops);
	json_object_set_new(o, "entities", entities);
	json_object_set_new(o, "counts", count);
	return o;
}
