/*
 * ft-snmp - keeps sFlow switches registered by SNMP and reads what devices call their interfaces.
 *
 * Owns: statedir/snmp.lmdb, statedir/interfaces/.  Speaks no SNMP itself: ft-snmp-job does, one process a device.
 */
#include "common/log.h"
#include "snmp/control.h"

static void
reload(void *ctx, const struct conf *was, const struct conf *now)
{
	(void)was;
	(void)now;
	desk_hurry(ctx);
}

int
main(int argc, char **argv)
{
	static struct desk d;
	struct proc p = {.ctx = &d, .on_ctl = control_op, .on_reload = reload};
	struct err err = {0};
	if (proc_start(&p, "ft-snmp", argc, argv) != 0)
		return p.exit_code;
	if (desk_open(&d, &p, &err) != 0)
		return proc_fail(&p, &err);
	proc_ready(&p);
	while (proc_running(&p))
		proc_turn(&p, desk_turn(&d));
	desk_close(&d);
	return proc_stop(&p);
}
