/*
 * login.c - who asks?  A session key or token is looked up; a password is first looked for among the remembered ones,
 * else hashed on a pool of two threads, so that Argon2id neither holds up queries nor takes all memory.
 * The throttle is asked twice: when the request comes, and when its turn to be hashed has come, so that a
 * flood of guesses sent at once gains nothing but what is running.
 */
#include <string.h>

#include "common/counters.h"
#include "common/log.h"
#include "queryd/request.h"

static int64_t
mono_us(void)
{
	return mono_now().ns / 1000;
}

static void
refused(struct request *r)
{
	counter_add(COUNTER_queryd_logins_refused, 1);
	request_error(r, "auth", "/auth", "wrong user name or password");
}

/* true: answered */
static bool
too_early(struct request *r, const char *user)
{
	int64_t wait = throttle_wait(r->server->throttle, user, r->call->peer, mono_us());
	if (wait == 0)
		return false;
	counter_add(COUNTER_queryd_logins_throttled, 1);
	r->retry_s = (unsigned)((wait + 999999) / 1000000);
	request_error(r, "throttled", "/auth", "too many wrong passwords; try again in %lld s",
		(long long)((wait + 999999) / 1000000));
	return true;
}

/* the name is known to be right */
static void
known(struct request *r, const char *name)
{
	if (users_get(r->server->parts.users, name, &r->who) != 0) {
		refused(r);
		return;
	}
	r->authenticated = true;
	users_enter(r->server->parts.users, name);
	r->entered = true;
	request_run(r);
}

static void
by_ticket(struct request *r, bool key, const char *secret)
{
	struct server *s = r->server;
	char user[USERS_NAME];
	if (key && atomic_load(&s->key_age_us) == 0) {
		request_error(r, "auth", "/auth/key",
			"session keys are off on this server (maxsessionkeyage 0): log in by password");
		return;
	}
	/* not throttled: a guess at 128 random bits is hopeless, and one script with an old key must not hold up others */
	struct tickets *t = s->parts.tickets;
	const char *peer = r->call->peer;
	int64_t now = wall_now().us;
	/* who is asked for a token may have a session key */
	if (tickets_use(t, key, secret, peer, now, user, &r->ticket) != 0 &&
		(key || tickets_use(t, true, secret, peer, now, user, &r->ticket) != 0)) {
		counter_add(COUNTER_queryd_logins_refused, 1);
		request_error(r, "auth", key ? "/auth/key" : "/auth/token",
			"this %s is unknown, expired, or of another client address",
			key ? "session key" : "token");
		return;
	}
	known(r, user);
}

void
login_begin(struct request *r)
{
	const json_t *auth = json_object_get(r->in, "auth");
	const char *user = json_string_value(json_object_get(auth, "user"));
	const char *password = json_string_value(json_object_get(auth, "password"));
	const char *key = json_string_value(json_object_get(auth, "key"));
	const char *token = json_string_value(json_object_get(auth, "token"));
	struct server *s = r->server;
	if (auth == NULL) {
		request_error(r, "auth", "/auth",
			"not logged in: a request needs auth, with user and password, or key, or token");
		return;
	}
	if (key || token) {
		by_ticket(r, key != NULL, key ? key : token);
		return;
	}
	if (too_early(r, user))
		return;
	if (users_remembered(s->parts.users, user, password, mono_us())) {
		throttle_right(s->throttle, user, r->call->peer);
		known(r, user);
		return;
	}
	if (jobs_put(s->hash, r->call->peer, r) != 0)
		request_error(r, "unavailable", NULL, "too many logins wait; try again");
}

void
login_verify(struct request *r)
{
	const json_t *auth = json_object_get(r->in, "auth");
	const char *user = json_string_value(json_object_get(auth, "user"));
	const char *password = json_string_value(json_object_get(auth, "password"));
	struct server *s = r->server;
	if (rpc_gone(r->call)) {
		request_error(r, "cancelled", NULL, "cancelled");
		return;
	}
	if (too_early(r, user))
		return;
	if (!users_remembered(s->parts.users, user, password, mono_us()) &&
		users_verify(s->parts.users, user, password, mono_us()) != 0) {
		throttle_wrong(s->throttle, user, r->call->peer, mono_us());
		log_limited(LOG_L_HIGH, "login refused user=\"%.128s\" from=%s", user, r->call->peer);
		refused(r);
		return;
	}
	throttle_right(s->throttle, user, r->call->peer);
	counter_add(COUNTER_queryd_logins, 1);
	known(r, user);
}
