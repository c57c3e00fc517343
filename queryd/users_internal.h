/* users_internal.h - between users.c (the table and its rules) and users_file.c (what is written of it). */
#ifndef FT_QUERYD_USERS_INTERNAL_H
#define FT_QUERYD_USERS_INTERNAL_H

#include <pthread.h>

#include "queryd/users.h"

struct user_record {
	char name[USERS_NAME], hash[AUTH_HASH];
	bool admin, must_change;
	char *filter;
	int64_t created_us;
	/* not stored */
	uint8_t known[AUTH_DIGEST];
	int64_t known_until_us; /* 0: nothing is remembered */
	uint64_t version;       /* of the hash: a verification that began before a change is not remembered */
	unsigned active;
};
struct users {
	pthread_mutex_t mutex;
	struct kv *kv;
	char dir[480];
	struct user_record **record; /* by name */
	unsigned n, room;
};

void users_file_free(struct user_record *r);
/* synced before they return */
int users_file_store(struct users *u, const struct user_record *r, struct err *err);
int users_file_erase(struct users *u, const char *name, struct err *err);
/* FT_EFORMAT: the record of a user can't be read */
int users_file_load(struct users *u, int (*insert)(struct users *u, struct user_record *r), struct err *err);
/* path: DIR/first-password */
int users_file_first(const char *path, const char *password, struct err *err);
/* with those above it */
int users_file_folder(const char *dir, struct err *err);

#endif
