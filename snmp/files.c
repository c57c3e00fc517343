/*
 * files.c - see files.h.
 */
#include "snmp/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 600 };

static void
path_of(const struct proc *p, const char *address, const char *ending, char out[PATH_ROOM])
{
	snprintf(
		out, PATH_ROOM, "%s/interfaces/%s.json%s", conf_str(p->conf, CONF_statedir), address, ending);
}

int
files_write(const struct proc *p, const char *address, json_t *interfaces, struct err *err)
{
	char folder[PATH_ROOM], path[PATH_ROOM], fresh[PATH_ROOM];
	snprintf(folder, sizeof folder, "%s/interfaces", conf_str(p->conf, CONF_statedir));
	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		return err_sys(err, "%s: can't make the folder", folder);
	path_of(p, address, "", path);
	path_of(p, address, ".new", fresh);
	json_t *o = json_pack("{s:s, s:I, s:s, s:O}", "address", address, "at_us", (json_int_t)wall_now().us,
		"source", "snmp", "interfaces", interfaces);
	FILE *f = fopen(fresh, "we");
	if (f == NULL) {
		json_decref(o);
		return err_sys(err, "%s: can't be written", fresh);
	}
	bool good = json_dumpf(o, f, JSON_COMPACT) == 0;
	good &= fclose(f) == 0;
	json_decref(o);
	if (!good || rename(fresh, path) != 0) {
		int rc = err_sys(err, "%s: can't be written", path);
		(void)unlink(fresh);
		return rc;
	}
	return 0;
}

json_t *
files_read(const struct proc *p, const char *address)
{
	char path[PATH_ROOM];
	path_of(p, address, "", path);
	json_t *o = json_load_file(path, 0, NULL);
	if (json_is_array(json_object_get(o, "interfaces")) && json_is_integer(json_object_get(o, "at_us")))
		return o;
	json_decref(o);
	return NULL;
}

void
files_remove(const struct proc *p, const char *address)
{
	char path[PATH_ROOM];
	path_of(p, address, "", path);
	(void)unlink(path); /* there may never have been one */
}
