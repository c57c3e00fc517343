/*
 * tell.c - see tell.h.
 */
#include "snmp/tell.h"

#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/rpc.h"
#include "snmp/files.h"

/* so many that a request stays below FT_RPC_MAX_FRAME, however its texts are escaped */
enum { ROWS_A_REQUEST = 400, AGAIN_S = 10, ASK_US = 1000000 };

static int
put(struct rpc_client *c, const json_t *file, const char *address, struct err *err)
{
	json_t *all = json_object_get(file, "interfaces");
	for (size_t from = 0; from < json_array_size(all); from += ROWS_A_REQUEST) {
		json_t *some = json_array(), *body = NULL;
		for (size_t i = from; i < from + ROWS_A_REQUEST && i < json_array_size(all); i++)
			json_array_append(some, json_array_get(all, i));
		int rc = rpc_ask(c,
			json_pack("{s:s, s:s, s:s, s:O, s:o}", "op", "interfaces", "do", "put", "exporter",
				address, "at_us", json_object_get(file, "at_us"), "interfaces", some),
			&body, (span_t){ASK_US}, err);
		json_decref(body);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
tell(struct desk *d, const struct entry *e, struct err *err)
{
	char endpoint[400];
	struct rpc_client *c;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/ingest.ctl", conf_str(d->proc->conf, CONF_rundir));
	if (access(endpoint + sizeof "ipc://" - 1, F_OK) != 0)
		return err_set(err, FT_ENOENT, "ft-ingest does not run");
	json_t *file = files_read(d->proc, e->address);
	if (file == NULL)
		return 0; /* gone: nothing to be told */
	int rc = rpc_client_open(&c, endpoint, NULL, err);
	if (rc == 0) {
		rc = put(c, file, e->address, err);
		rpc_client_close(c);
	}
	json_decref(file);
	return rc;
}

void
tell_ingest(struct desk *d)
{
	struct err err = {0};
	mono_t now = mono_now();
	if (d->tell_at.ns > now.ns)
		return;
	for (unsigned i = 0; i < d->book.n; i++) {
		struct entry *e = d->book.entry[i];
		if (!e->untold)
			continue;
		if (tell(d, e, &err) == 0)
			e->untold = false;
		else {
			log_limited(LOG_L_MEDIUM, "ft-ingest has not been told the interfaces of %s yet: %s",
				e->address, err.text);
			d->tell_at = mono_after(now, span_seconds(AGAIN_S));
		}
		return;
	}
}
