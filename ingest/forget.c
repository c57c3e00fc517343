/* forget.c - see forget.h */
#include "ingest/forget.h"

#include <string.h>

#include "common/log.h"

static const char key[] = "exporter";

/* id 0: strike it out */
static int
note(struct ingest *g, uint32_t id, struct err *err)
{
	struct kv_txn *t;
	unsigned db;
	int rc = kv_begin(g->kv, true, &t, err);
	if (rc != 0)
		return rc;
	rc = kv_db(t, "forget", &db, err);
	if (rc == 0 && id != 0)
		rc = kv_put(t, db, key, sizeof key, &id, sizeof id, err);
	else if (rc == 0)
		rc = kv_del(t, db, key, sizeof key, err);
	if (rc == 0 || (id == 0 && rc == FT_ENOENT))
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

static int
noted(struct ingest *g, uint32_t *id, struct err *err)
{
	struct kv_txn *t;
	struct kv_bytes v;
	unsigned db;
	*id = 0;
	int rc = kv_begin(g->kv, true, &t, err); /* may make the database */
	if (rc != 0)
		return rc;
	rc = kv_db(t, "forget", &db, err);
	if (rc == 0 && kv_get(t, db, key, sizeof key, &v) == 0 && v.n == sizeof *id)
		memcpy(id, v.p, sizeof *id);
	if (rc == 0)
		return kv_commit(t, err);
	kv_abort(t);
	return rc;
}

static int
begin(struct ingest *g, uint32_t id, struct err *err)
{
	int rc = exporter_unset(&g->exporters, id, err);
	const struct ft_exporter *e = exporters_get(&g->exporters, id);
	if (rc != 0)
		return rc;
	if (e)
		interfaces_forget(&g->interfaces, e->address, e->guid);
	g->forget_open = true;
	atomic_store_explicit(&g->exporters.forget_id, id, memory_order_relaxed);
	atomic_fetch_add_explicit(&g->exporters.forget_serial, 1, memory_order_release);
	return 0;
}

int
forget_begin(struct ingest *g, uint32_t id, struct err *err)
{
	struct err other;
	int rc = note(g, id, err);
	if (rc != 0)
		return rc;
	rc = begin(g, id, err);
	if (rc != 0)
		(void)note(g, 0, &other); /* nothing was forgotten */
	return rc;
}

int
forget_resume(struct ingest *g, struct err *err)
{
	uint32_t id;
	int rc = noted(g, &id, err);
	if (rc != 0 || id == 0)
		return rc;
	if (id > atomic_load(&g->exporters.t->count))
		return note(g, 0, err);
	log_high("an exporter was being forgotten when the process ended: it is forgotten now");
	return begin(g, id, err);
}

bool
forget_done(struct ingest *g)
{
	struct err err;
	uint32_t serial = atomic_load_explicit(&g->exporters.forget_serial, memory_order_relaxed);
	if (!g->forget_open)
		return false;
	for (unsigned i = 0; i < g->n; i++)
		if (atomic_load_explicit(&g->thread[i].forgot, memory_order_acquire) != serial)
			return false;
	g->forget_open = false;
	if (note(g, 0, &err) != 0)
		log_critical("that an exporter was forgotten can't be noted, so it is done again at the next "
			     "start: %s",
			err.text);
	return true;
}
