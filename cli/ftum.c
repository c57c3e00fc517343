/* ftum.c - users: passwords, rights, filters. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/table.h"
#include "common/timeframe.h"

/* the new password: given, "-" for a line of standard input, or asked for twice */
static char *
new_password(const struct options *o)
{
	char prompt[200];
	if (o->act_password && strcmp(o->act_password, "-") != 0)
		return strdup(o->act_password);
	if (o->act_password)
		return options_read_line();
	snprintf(prompt, sizeof prompt, "new password of %s: ", o->act_user);
	char *one = options_ask_secret(prompt);
	char *two = one ? options_ask_secret("once more: ") : NULL;
	if (one && two && strcmp(one, two) != 0) {
		fprintf(stderr, "ftum: the two are not the same\n");
		free(one);
		one = NULL;
	}
	free(two);
	return one;
}

static json_t *
request(const struct options *o)
{
	json_t *r = json_object();
	static const char *const op[] = {[ACT_PASSWORD] = "users.password",
		[ACT_ADD] = "users.add",
		[ACT_DELETE] = "users.delete",
		[ACT_ADMIN] = "users.set",
		[ACT_NOADMIN] = "users.set",
		[ACT_FILTER] = "users.set",
		[ACT_LIST] = "users.list"};
	json_object_set_new(r, "op", json_string(op[o->act]));
	if (o->act_user)
		json_object_set_new(r, "name", json_string(o->act_user));
	if (o->act == ACT_ADMIN || o->act == ACT_NOADMIN)
		json_object_set_new(r, "admin", json_boolean(o->act == ACT_ADMIN));
	if (o->act == ACT_FILTER)
		json_object_set_new(r, "filter", json_string(o->act_text));
	if (o->act == ACT_PASSWORD || o->act == ACT_ADD) {
		char *password = new_password(o);
		if (password == NULL) {
			fprintf(stderr, "ftum: no new password\n");
			json_decref(r);
			return NULL;
		}
		json_object_set_new(r, "password", json_string(password));
		explicit_bzero(password, strlen(password));
		free(password);
	}
	return r;
}

static void
list(const struct options *o, const json_t *reply)
{
	const json_t *users = json_object_get(reply, "users"), *u;
	size_t i;
	if (o->output == OUT_JSON) {
		json_dumpf(users, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	struct table *t = table_new();
	table_column(t, "user", false);
	table_column(t, "rights", false);
	table_column(t, "logged in", false);
	table_column(t, "since", false);
	table_column(t, "filter", false);
	json_array_foreach (users, i, u) {
		char since[TIMEFRAME_TEXT];
		const char *filter = json_string_value(json_object_get(u, "filter"));
		bool must = json_is_true(json_object_get(u, "must_change_password"));
		timeframe_print(json_integer_value(json_object_get(u, "created_us")), NULL, since);
		since[17] = 0; /* whole seconds */
		table_cell(t, json_string_value(json_object_get(u, "name")));
		table_cellf(t, "%s%s", json_is_true(json_object_get(u, "admin")) ? "administrator" : "user",
			must ? ", must change password" : "");
		table_cell(t, json_is_true(json_object_get(u, "logged_in")) ? "yes" : "no");
		table_cell(t, since);
		table_cell(t, filter ? filter : "");
	}
	table_print(t, stdout);
	table_free(t);
}

int
main(int argc, char **argv)
{
	struct options o;
	struct client *c;
	json_t *reply = NULL;
	signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends us quietly */
	int rc = options_parse(&o, "ftum", argc, argv);
	if (rc >= 0) {
		options_free(&o);
		return rc;
	}
	if (o.act == ACT_NONE && !o.alerts && !o.want_key)
		return options_wrong(
			&o, "nothing to do: give -chpw, -addu, -delu, -admin, -noadmin, -filter or -ulist");
	rc = client_open(&c, &o);
	if (rc != 0)
		return rc;
	if (o.alerts)
		rc = client_alerts(c, &o);
	else if (o.act != ACT_NONE) {
		json_t *r = request(&o);
		rc = r ? client_ask(c, r, NULL, NULL, &reply) : EXIT_FAILED;
		if (rc == 0 && o.act == ACT_LIST)
			list(&o, reply);
		json_decref(reply);
	}
	client_close(c);
	options_free(&o);
	return rc;
}
