/* op_settings.c - the configuration: all of it to see, some of it to change. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "queryd/daemons.h"
#include "queryd/operations.h"
#include "queryd/settings.h"

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
			list, json_pack("{s:s, s:o, s:s, s:s, s:b, s:b}", "name", conf_name((enum conf_key)i),
				      "value", value(s->conf, (enum conf_key)i), "default", rows[i].standard,
				      "help", rows[i].help, "live", rows[i].live, "settable",
				      (int)settings_settable((enum conf_key)i)));
	pthread_rwlock_unlock(&s->conf_lock);
	request_reply(r, json_pack("{s:o}", "settings", list));
}

/* ---- changing --------------------------------------------------------------------------------- */

enum { RELOAD_S = 5 };

/* Which daemons read the new file; one that does not run reads it when it starts.  queryd itself is asked as the others are, by its
 * control socket, since the main thread swaps its configuration. */
static json_t *
reloaded(struct request *r)
{
	static const char *const roles[] = {"queryd", "ingest", "tracker", "store", "snmp", "webd"};
	json_t *list = json_array();
	char path[440];
	for (unsigned i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		snprintf(path, sizeof path, "%s/%s.ctl", r->server->parts.rundir, roles[i]);
		if (access(path, F_OK) != 0)
			continue;
		json_t *answer =
			daemons_try(r->server, roles[i], json_pack("{s:s}", "op", "reload"), RELOAD_S);
		if (answer)
			json_array_append_new(list, json_string(roles[i]));
		json_decref(answer);
	}
	return list;
}

void
op_settings_set(struct request *r)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER; /* two changes at once would lose one */
	struct server *s = r->server;
	struct err err = {0};
	enum conf_key key;
	char text[SETTINGS_TEXT], path[4096];
	const char *name = request_string(r, "key", "");
	if (!settings_find(name, &key)) {
		request_error(r, "not_found", "/key", "there is no setting '%.64s'", name);
		return;
	}
	if (!settings_settable(key)) {
		request_error(r, "refused", "/key", "%s is changed in the configuration file only", name);
		return;
	}
	if (settings_text(request_json(r, "value"), text, &err) != 0) {
		request_error(r, "bad_request", "/value", "%s", err.text);
		return;
	}
	if (!request_audited(r, json_pack("{s:s, s:s}", "key", name, "value", text)))
		return;
	pthread_rwlock_rdlock(&s->conf_lock);
	snprintf(path, sizeof path, "%s", conf_path(s->conf));
	pthread_rwlock_unlock(&s->conf_lock);
	pthread_mutex_lock(&one);
	int rc = settings_write(path, key, text, &err);
	json_t *list = rc == 0 ? reloaded(r) : NULL;
	pthread_mutex_unlock(&one);
	if (rc == 0) {
		request_reply(r, json_pack("{s:s, s:s, s:b, s:o}", "name", name, "value", text, "live",
					 rows[key].live, "reloaded", list));
		return;
	}
	request_audit_failure(r, "key", name, err.text);
	if (rc == FT_EINVAL)
		request_error(r, "bad_request", "/value", "%s", err.text);
	else
		request_error(r, "refused", NULL, "%s", err.text);
}
