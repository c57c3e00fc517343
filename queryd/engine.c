/*
 * engine.c - the engine's door: snapshots of the store, the services file, and what engine.h promises.
 */
#include "queryd/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/shm.h"
#include "common/snapshot.h"
#include "queryd/engine_internal.h"

struct engine {
	pthread_mutex_t lock; /* over reader and services; queries hold services by count */
	char *shm_dir, *database;
	bool check;
	struct places *places;
	struct snapshot_reader *reader; /* NULL: not opened yet */
	struct shm interfaces_shm;      /* segment "interfaces", if there is one */
	struct shared_interfaces {
		struct interfaces *table;
		unsigned users;
	} * interfaces; /* the latest copy; NULL: none yet */
	struct shared_services {
		struct services *services;
		unsigned users;
	} * services;
};

static struct shared_services *
services_shared(const char *path)
{
	struct shared_services *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->services = services_read(path);
	s->users = 1;
	if (s->services != NULL)
		return s;
	free(s);
	return NULL;
}

static struct shared_services *
services_hold(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	struct shared_services *s = e->services;
	s->users++;
	pthread_mutex_unlock(&e->lock);
	return s;
}
static void
services_release(struct engine *e, struct shared_services *s)
{
	pthread_mutex_lock(&e->lock);
	bool last = --s->users == 0;
	pthread_mutex_unlock(&e->lock);
	if (!last)
		return;
	services_free(s->services);
	free(s);
}

/* Ingest may have made the segment anew: then the name leads to another file. */
static void
interfaces_look(struct engine *e)
{
	static const struct shm_kind kind = {
		FT_INTERFACES_MAGIC, FT_INTERFACES_VERSION, FT_INTERFACES_LAYOUT};
	char path[400];
	struct stat a, b;
	struct err err;
	snprintf(path, sizeof path, "%s/interfaces", e->shm_dir);
	if (e->interfaces_shm.base != NULL) {
		if (stat(path, &a) != 0 || fstat(e->interfaces_shm.fd, &b) != 0 || a.st_ino == b.st_ino)
			return;
		shm_close(&e->interfaces_shm);
	}
	if (shm_open_ro(&e->interfaces_shm, e->shm_dir, "interfaces", &kind, &err) == FT_ELAYOUT)
		log_limited(LOG_L_CRITICAL, "%s", err.text);
}

static void
interfaces_drop(struct shared_interfaces *s)
{
	if (s == NULL || --s->users > 0)
		return;
	free(s->table);
	free(s);
}

/* The table as it is now, copied anew only if it changed; NULL: nothing is known. */
static struct shared_interfaces *
interfaces_hold(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	interfaces_look(e);
	const struct ft_interfaces *t = e->interfaces_shm.base;
	struct shared_interfaces *s = e->interfaces;
	if (t != NULL &&
		(s == NULL || s->table->version != atomic_load_explicit(&t->version, memory_order_acquire))) {
		struct interfaces *copy = interfaces_copy(t, e->interfaces_shm.size);
		struct shared_interfaces *fresh = copy ? calloc(1, sizeof *fresh) : NULL;
		if (fresh != NULL) {
			*fresh = (struct shared_interfaces){copy, 1};
			interfaces_drop(s);
			e->interfaces = s = fresh;
		} else
			free(copy);
	}
	if (s != NULL)
		s->users++;
	pthread_mutex_unlock(&e->lock);
	return s;
}

static void
interfaces_release(struct engine *e, struct shared_interfaces *s)
{
	pthread_mutex_lock(&e->lock);
	interfaces_drop(s);
	pthread_mutex_unlock(&e->lock);
}

/* A reader is opened when a store first is there: queryd may be up before store. */
static struct snapshot_reader *
reader(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	if (e->reader == NULL) {
		struct err err;
		if (snapshot_reader_open(&e->reader, e->shm_dir, e->database, e->check, &err) != 0)
			e->reader = NULL;
	}
	struct snapshot_reader *r = e->reader;
	pthread_mutex_unlock(&e->lock);
	return r;
}

int
engine_open(struct engine **out, const struct conf *conf, const char *shm_dir, struct err *err)
{
	struct engine *e = calloc(1, sizeof *e);
	*out = NULL;
	if (e == NULL)
		return err_set(err, FT_ENOMEM, "no memory for the query engine");
	pthread_mutex_init(&e->lock, NULL);
	e->interfaces_shm.fd = -1;
	e->shm_dir = strdup(shm_dir);
	e->database = strdup(conf_str(conf, CONF_storage_databasepath));
	e->check = conf_bool(conf, CONF_storage_computecrc);
	e->services = services_shared(conf_str(conf, CONF_servicesfile));
	e->places = places_new(conf_str(conf, CONF_ip2cfile), conf_str(conf, CONF_ip2asnfile));
	if (e->shm_dir == NULL || e->places == NULL || e->database == NULL || e->services == NULL) {
		engine_close(e);
		return err_set(err, FT_ENOMEM, "no memory for the query engine");
	}
	(void)reader(e);
	*out = e;
	return 0;
}

void
engine_reload(struct engine *e, const struct conf *conf)
{
	struct shared_services *fresh = services_shared(conf_str(conf, CONF_servicesfile));
	if (fresh == NULL)
		return;
	places_files(e->places, conf_str(conf, CONF_ip2cfile), conf_str(conf, CONF_ip2asnfile));
	pthread_mutex_lock(&e->lock);
	struct shared_services *old = e->services;
	e->services = fresh;
	pthread_mutex_unlock(&e->lock);
	services_release(e, old);
}

void
engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	if (e->reader != NULL)
		snapshot_reader_close(e->reader);
	if (e->services != NULL)
		services_release(e, e->services);
	interfaces_drop(e->interfaces);
	shm_close(&e->interfaces_shm);
	pthread_mutex_destroy(&e->lock);
	places_free(e->places);
	free(e->shm_dir);
	free(e->database);
	free(e);
}

/* ---- queries --------------------------------------------------------------------------------------- */

static int
view_of(void *ctx, uint32_t i, struct block_view *v, struct err *err)
{
	return snapshot_view(ctx, i, v, err);
}

/* *s is open if *source is not absent */
static int
source_open(struct engine *e, struct snapshot *s, struct source *source, struct err *err)
{
	*source = (struct source){.ctx = s, .view = view_of};
	struct snapshot_reader *r = reader(e);
	int rc = r == NULL ? FT_ENOENT : snapshot_open(r, s, err);
	if (rc == FT_ENOENT) {
		source->absent = true;
		return 0;
	}
	if (rc != 0)
		return rc;
	source->block = s->blocks;
	source->n = s->n;
	source->missing_segments = s->missing_segments;
	source->complete_us = s->catalog.complete_us;
	source->gap_from_us = s->catalog.gap_from_us;
	source->gap_to_us = s->catalog.gap_to_us;
	return 0;
}

int
engine_view(
	struct engine *e, struct query_context *c, const struct query_spec *q, json_t **out, struct err *err)
{
	struct snapshot s;
	struct source source;
	*out = NULL;
	int rc = source_open(e, &s, &source, err);
	if (rc != 0)
		return rc;
	struct shared_services *services = services_hold(e);
	struct shared_interfaces *interfaces = interfaces_hold(e);
	source.interfaces = interfaces ? interfaces->table : NULL;
	source.places = e->places;
	rc = run_view(&source, services->services, c, q, out, err);
	interfaces_release(e, interfaces);
	services_release(e, services);
	if (!source.absent)
		snapshot_close(&s);
	return rc;
}

int
engine_sessions(struct engine *e, struct query_context *c, const struct query_spec *q,
	int (*write)(void *ctx, const char *bytes, size_t n), void *ctx, json_t **summary, struct err *err)
{
	struct snapshot s;
	struct source source;
	*summary = NULL;
	int rc = source_open(e, &s, &source, err);
	if (rc != 0)
		return rc;
	struct shared_services *services = services_hold(e);
	struct shared_interfaces *interfaces = interfaces_hold(e);
	source.interfaces = interfaces ? interfaces->table : NULL;
	source.places = e->places;
	rc = run_sessions(&source, services->services, c, q, write, ctx, summary, err);
	interfaces_release(e, interfaces);
	services_release(e, services);
	if (!source.absent)
		snapshot_close(&s);
	return rc;
}

int
engine_check_filter(struct engine *e, const char *filter, struct err *err)
{
	struct arena arena;
	struct filter_node *root;
	struct program *program;
	arena_init(&arena, 64u << 20);
	int rc = filter_parse(&arena, filter, &root, err);
	if (rc == 0) {
		struct shared_services *services = services_hold(e);
		rc = resolve_program(
			&arena, root, services->services, e->places, NULL, false, &program, NULL, err);
		services_release(e, services);
	}
	arena_free(&arena);
	return rc;
}

json_t *
engine_grammar(struct engine *e)
{
	struct shared_services *services = services_hold(e);
	json_t *o = grammar_json(services->services);
	services_release(e, services);
	return o;
}

struct places *
engine_places(struct engine *e)
{
	return e->places;
}

json_t *
engine_status(struct engine *e)
{
	struct snapshot s;
	struct source source;
	struct err err = {0};
	json_t *o = json_object();
	if (source_open(e, &s, &source, &err) != 0 || source.absent) {
		json_object_set_new(o, "store", json_false());
		json_object_set_new(o, "message",
			json_string(err.text[0] ? err.text : "there is no session database yet"));
		return o;
	}
	int64_t from = INT64_MAX, to = INT64_MIN;
	uint64_t rows = 0, resident = 0;
	uint32_t resident_blocks = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		const struct snapshot_block *b = &s.blocks[i];
		rows += b->rows;
		if (b->open || b->resident) {
			resident += b->rows;
			resident_blocks++;
		}
		for (uint32_t k = 0; b->zone != NULL && k < b->zone->spans; k++) {
			from = b->zone->span[k].first_us < from ? b->zone->span[k].first_us : from;
			to = b->zone->span[k].last_us > to ? b->zone->span[k].last_us : to;
		}
	}
	json_object_set_new(o, "store", json_true());
	json_object_set_new(o, "rows", json_integer((json_int_t)rows));
	json_object_set_new(o, "blocks", json_integer(s.n));
	json_object_set_new(o, "resident_rows", json_integer((json_int_t)resident));
	json_object_set_new(o, "resident_blocks", json_integer(resident_blocks));
	json_object_set_new(o, "from_us", from == INT64_MAX ? json_null() : json_integer(from));
	json_object_set_new(o, "to_us", to == INT64_MIN ? json_null() : json_integer(to));
	json_object_set_new(o, "complete_until_us", json_integer(s.catalog.complete_us));
	json_object_set_new(o, "first_segment", json_integer(s.catalog.first_segment));
	json_object_set_new(o, "segment", json_integer(s.catalog.segment));
	json_object_set_new(o, "missing_segments", json_integer(s.missing_segments));
	snapshot_close(&s);
	return o;
}
