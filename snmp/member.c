/*
 * member.c - see member.h.
 */
#include "snmp/member.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"

enum kind { TEXT, SECRET, NUMBER, YESNO, WORD };

static const struct member {
	const char *name, *at;
	enum kind kind;
	const char *fallback;
	json_int_t min, max;
	const char *words;
} members[] = {
#define SWITCH(name, kind, fallback, min, max, words, help)                                                  \
	{#name, "/set/" #name, kind, fallback, min, max, words},
#include "common/switches.def"
};
enum { MEMBERS = sizeof members / sizeof members[0] };

const char *
member_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "";
}

json_t *
members_new(void)
{
	json_t *o = json_object();
	for (unsigned i = 0; i < MEMBERS; i++) {
		const struct member *m = &members[i];
		json_t *v = m->kind == NUMBER  ? json_integer(strtoll(m->fallback, NULL, 10))
			    : m->kind == YESNO ? json_boolean(strcmp(m->fallback, "yes") == 0)
					       : json_string(m->fallback);
		json_object_set_new(o, m->name, v);
	}
	return o;
}

static bool
among(const char *words, const char *word)
{
	size_t n = strlen(word);
	for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|')
		if (strcspn(w, "|") == n && memcmp(w, word, n) == 0)
			return true;
	return false;
}

static bool
clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* A secret's value never gets into the words of a refusal. */
static int
check_text(const struct member *m, const char *s, struct err *err)
{
	uint8_t address[16];
	size_t n = s ? strlen(s) : 0;
	if (s == NULL)
		return err_set(err, FT_EINVAL, "%s is a text", m->name);
	if (m->kind == WORD && !among(m->words, s))
		return err_set(err, FT_EINVAL, "%s is one of %s, not '%.40s'", m->name, m->words, s);
	if (m->kind == WORD)
		return 0;
	if (n > (size_t)m->max || (n && n < (size_t)m->min))
		return err_set(err, FT_EINVAL, "%s has %lld to %lld characters, not %zu", m->name,
			(long long)m->min, (long long)m->max, n);
	if (!clean(s))
		return err_set(err, FT_EINVAL, "%s must not hold control characters", m->name);
	if (strcmp(m->name, "destination") == 0 && n && addr_parse(s, address) != 0)
		return err_set(err, FT_EINVAL, "destination is an IPv4 or IPv6 address, not '%.64s'", s);
	return 0;
}

static int
check_one(const struct member *m, const json_t *v, struct err *err)
{
	if (m->kind == YESNO)
		return json_is_boolean(v) ? 0 : err_set(err, FT_EINVAL, "%s is true or false", m->name);
	if (m->kind != NUMBER)
		return check_text(m, json_string_value(v), err);
	if (!json_is_integer(v) || json_integer_value(v) < m->min || json_integer_value(v) > m->max)
		return err_set(err, FT_EINVAL, "%s is a number from %lld to %lld", m->name, (long long)m->min,
			(long long)m->max);
	return 0;
}

int
members_set(json_t *to, const json_t *from, const char **at, struct err *err)
{
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)from, name, value) {
		unsigned i = 0;
		while (i < MEMBERS && strcmp(members[i].name, name) != 0)
			i++;
		*at = i < MEMBERS ? members[i].at : "/set";
		if (i == MEMBERS)
			return err_set(err, FT_EINVAL, "there is no '%.40s' to be set", name);
		int rc = check_one(&members[i], value, err);
		if (rc != 0)
			return rc;
	}
	return json_object_update(to, (json_t *)(uintptr_t)from) == 0
		       ? 0
		       : err_set(err, FT_ENOMEM, "out of memory");
}

int
members_check(const json_t *o, const char **at, struct err *err)
{
	bool v3 = strcmp(member_text(o, "version"), "3") == 0;
	bool auth = strcmp(member_text(o, "auth"), "none") != 0,
	     priv = strcmp(member_text(o, "priv"), "none") != 0;
	const struct {
		bool wanted;
		const char *name, *at, *words;
	} rules[] = {{!v3, "community", "/set/community", "SNMPv2c needs the community that may write"},
		{v3, "user", "/set/user", "SNMPv3 needs a user"},
		{v3 && auth, "auth_password", "/set/auth_password",
			"SNMPv3 with auth needs auth_password (or set auth=none)"},
		{v3 && auth && priv, "priv_password", "/set/priv_password",
			"SNMPv3 with priv needs priv_password (or set priv=none)"}};
	for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (rules[i].wanted && member_text(o, rules[i].name)[0] == 0) {
			*at = rules[i].at;
			return err_set(err, FT_EINVAL, "%s", rules[i].words);
		}
	*at = "/set/priv";
	if (v3 && !auth && priv)
		return err_set(
			err, FT_EINVAL, "SNMPv3 can't encrypt without auth: set priv=none, too, or an auth");
	return 0;
}

json_t *
members_public(const json_t *o)
{
	json_t *out = json_object();
	for (unsigned i = 0; i < MEMBERS; i++) {
		const struct member *m = &members[i];
		char name[48];
		if (m->kind == SECRET) {
			snprintf(name, sizeof name, "has_%s", m->name);
			json_object_set_new(out, name, json_boolean(member_text(o, m->name)[0] != 0));
		} else
			json_object_set(out, m->name, json_object_get(o, m->name));
	}
	return out;
}
