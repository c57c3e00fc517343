/* op_server.c - operations on the server itself: status, settings, audit log. */
#include <stdio.h>
#include <string.h>

#include "queryd/operations.h"
#include "queryd/request.h"

void
op_status(struct request *r)
{
	struct server *s = r->server;
	json_t *store = engine_status(s->parts.engine);
	json_t *o = json_pack("{s:s, s:I}", "version", FT_VERSION, "now_us", (json_int_t)wall_now().us);
	json_t *complete = json_object_get(store, "complete_until_us");
	if (complete)
		json_object_set(o, "complete_until_us", complete);
	if (r->who.admin) {
		unsigned waiting, running;
		jobs_count(s->queries, &waiting, &running);
		json_object_set_new(o, "started_us", json_integer(s->started_us));
		json_object_set_new(o, "queries_waiting", json_integer(waiting));
		json_object_set_new(o, "queries_running", json_integer(running));
		json_object_set_new(o, "query_threads", json_integer(s->query_threads));
		json_object_set(o, "store", store);
	}
	json_decref(store);
	request_reply(r, o);
}

void
op_audit_list(struct request *r)
{
	struct err err = {0};
	int64_t before = request_int(r, "before", INT64_MAX);
	json_t *lines =
		audit_tail(r->server->parts.audit, (unsigned)request_int(r, "lines", 100), &before, &err);
	if (lines == NULL)
		request_error(r, "internal", NULL, "%s", err.text);
	else
		request_reply(r, json_pack("{s:o, s:I}", "lines", lines, "before", (json_int_t)before));
}

/* ---- settings --------------------------------------------------------------------------------- */

enum setting_type { T_UINT, T_SECS, T_BOOL, T_STR, T_PATH, T_PORTS, T_LEVEL, T_LIST, T_ELEMENTS, T_TARGETS };
enum { R_LIVE = 1, R_RESTART = 0 };
static const struct {
	const char *help, *standard;
	enum setting_type type;
	int live;
} rows[] = {
#define CONF(section, key, type, standard, least, most, reload, help) {help, standard, T_##type, R_##reload},
#define CONF_IGNORED(section, key, help)
#include "common/config.def"
#undef CONF
#undef CONF_IGNORED
};
_Static_assert(sizeof rows / sizeof rows[0] == CONF_KEYS, "one row a setting, in the order of the file");

static json_t *
value(const struct conf *c, enum conf_key key)
{
	const char *const *words;
	json_t *list;
	switch (rows[key].type) {
	case T_UINT:
	case T_SECS:
	case T_LEVEL:
		return json_integer((json_int_t)conf_uint(c, key));
	case T_BOOL:
		return json_boolean(conf_bool(c, key));
	case T_STR:
	case T_PATH:
		return json_string(conf_str(c, key));
	case T_PORTS:
		list = json_array();
		for (unsigned i = 0, n = conf_list(c, key, &words); i < n; i++)
			json_array_append_new(list, json_integer(conf_port(c, key, i)));
		return list;
	case T_LIST:
	case T_ELEMENTS:
	case T_TARGETS:
		list = json_array();
		for (unsigned i = 0, n = conf_list(c, key, &words); i < n; i++)
			json_array_append_new(list, json_string(words[i]));
		return list;
	}
	return json_null();
}

void
op_settings_get(struct request *r)
{
	struct server *s = r->server;
	json_t *list = json_array();
	pthread_rwlock_rdlock(&s->conf_lock);
	for (unsigned i = 0; i < CONF_KEYS; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:o, s:s, s:s, s:b}", "name", conf_name((enum conf_key)i),
				      "value", value(s->conf, (enum conf_key)i), "default", rows[i].standard,
				      "help", rows[i].help, "live", rows[i].live));
	pthread_rwlock_unlock(&s->conf_lock);
	request_reply(r, json_pack("{s:o}", "settings", list));
}
