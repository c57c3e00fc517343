/*
 * workspaces.h - named workspaces: a filter, views and a frame with a description; own, shared by others, built in.
 *
 * Database "workspaces" of saved.lmdb: ID -> JSON {"owner", "name", "description", "icon", "share", "created_us",
 * "changed_us"}; "states": ID -> {"notes", "state"}, which lists do not need.  Both are written in one transaction.
 * Who sees one: its owner; share `all`: every user without a user filter; share `everyone`: also users with one, who
 * then read its text, while what it finds is cut by their filter.  The built-in ones (workspaces.def) are seen by all.
 * Only the owner changes one; an administrator may delete it.
 * Bounds: 200 a user, 10,000 in all; name 128 bytes, description 1,024, notes 16 KiB, icon 64, state 64 KiB.
 */
#ifndef FT_QUERYD_WORKSPACES_H
#define FT_QUERYD_WORKSPACES_H

#include "queryd/saved.h"
#include "queryd/users.h"

enum { WORKSPACE_ID = 17, WORKSPACES_A_USER = 200, WORKSPACES_MOST = 10000 };

/* What is given replaces, what is NULL stays; a new one (id NULL) needs name and state. */
struct workspace_change {
	const char *id, *name, *description, *notes, *icon, *share;
	const json_t *state;
};

/* heads [{"id", "name", "description", "icon", "share", "owner", "mine", "built_in", "created_us", "changed_us"}]:
 * own, shared, built in; owner and times of a built-in one are null */
int workspaces_list(struct saved *s, const struct user *who, json_t **out, struct err *err);
/* a head with "notes" and "state"; FT_ENOENT also for one that may not be seen */
int workspaces_get(struct saved *s, const struct user *who, const char *id, json_t **out, struct err *err);
/* *out: the head.  FT_EINVAL, FT_ENOENT, FT_EPERM: somebody else's, built in, or too many */
int workspaces_save(struct saved *s, const struct user *who, const struct workspace_change *w, int64_t now_us,
	json_t **out, struct err *err);
/* owner: whose it was */
int workspaces_delete(
	struct saved *s, const struct user *who, const char *id, char owner[USERS_NAME], struct err *err);
/* the i-th built-in one's filter; NULL at the end */
const char *workspaces_filter(unsigned i);

#endif
