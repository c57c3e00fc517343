/*
 * main.c - ft-store: slices from the tracker into the session database; and its administrator's commands.
 */
#include <string.h>

#include "common/counters.h"
#include "common/log.h"
#include "common/proc.h"
#include "store/admin.h"
#include "store/serve.h"

static void
on_reload(void *ctx, const struct conf *was, const struct conf *now)
{
	struct serve_context *x = ctx;
	(void)was;
	settings_from(&x->st->set, now);
	serve_tags(x->st, now);
}

int
main(int argc, char **argv)
{
	static struct store st;
	struct proc p = {0};
	struct serve_context context = {&p, &st};
	struct store_settings set;
	struct err err;
	int64_t turned_ns = 0;
	if (argc > 1 && argv[1][0] != '-')
		return admin_main(argc, argv);
	if (proc_start(&p, "ft-store", argc, argv) != 0)
		return p.exit_code;
	settings_from(&set, p.conf);
	if (store_open(&st, p.shm, conf_str(p.conf, CONF_storage_databasepath), &set, &err) != FT_OK)
		return proc_fail(&p, &err);
	serve_tags(&st, p.conf);
	p.on_reload = on_reload;
	p.on_ctl = serve_control;
	p.ctx = &context;
	index_mend_start(&st);
	proc_ready(&p);
	while (proc_running(&p)) {
		uint32_t taken = serve_turn(&st, p.conf);
		mono_t now = mono_now();
		if (now.ns - turned_ns > 10000000) {
			turned_ns = now.ns;
			proc_turn(&p, (span_t){0});
		}
		if (taken == 0)
			intake_wait(&st, serve_idle(&st));
		else if (taken < SERVE_FULL)
			intake_gather(&st);
	}
	if (serve_stop(&st, &err) != FT_OK)
		log_critical("the last commit failed: %s; what shared memory holds is kept", err.text);
	store_close(&st);
	return proc_stop(&p);
}
