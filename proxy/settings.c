/*
 * settings.c - see settings.h.
 */
#include "proxy/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/guid.h"

int
settings_guid_new(uint8_t out[16])
{
	if (getrandom(out, 16, 0) != 16)
		return FT_ESYS;
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
	return 0;
}

static int
read_destination(struct proxy_settings *s, unsigned i, const char *const *words, unsigned n, struct err *err)
{
	struct destination *d = &s->to[s->n];
	char *end = NULL;
	unsigned long port = n > 1 ? strtoul(words[1], &end, 10) : 0;
	bool tls = n == 3 && strcmp(words[2], "tls") == 0;
	if (n < 2 || n > 3 || (n == 3 && !tls) || *end != 0 || port == 0 || port > 65535 ||
		strlen(words[0]) >= sizeof d->host || strchr(words[0], '/'))
		return err_set(err, FT_EINVAL,
			"recursion/forwarder%u: HOST PORT, or HOST PORT tls, as in `forwarder%u 192.0.2.1 "
			"4739`",
			i, i);
	snprintf(d->host, sizeof d->host, "%s", words[0]);
	snprintf(d->port, sizeof d->port, "%lu", port);
	d->tls = tls;
	for (unsigned k = 0; k < s->n; k++)
		if (strcmp(s->to[k].host, d->host) == 0 && strcmp(s->to[k].port, d->port) == 0)
			return err_set(err, FT_EINVAL, "recursion/forwarder%u: %s port %s is there already",
				i, d->host, d->port);
	s->n++;
	return 0;
}

static int
read_queue(struct proxy_settings *s, const struct conf *c, struct err *err)
{
	const char *path = conf_str(c, CONF_recursion_queuepath), *file = conf_path(c);
	const char *slash = file ? strrchr(file, '/') : NULL;
	int n = path[0] ? snprintf(s->queuepath, sizeof s->queuepath, "%s", path)
		: slash ? snprintf(s->queuepath, sizeof s->queuepath, "%.*s/queue", (int)(slash - file), file)
			: snprintf(s->queuepath, sizeof s->queuepath, "queue");
	s->queuesize = conf_uint(c, CONF_recursion_queuesize);
	return n > 0 && (size_t)n < sizeof s->queuepath
		       ? 0
		       : err_set(err, FT_EINVAL, "recursion/queuepath: the path is too long");
}

int
settings_read(struct proxy_settings *s, const struct conf *c, const char *guid, struct err *err)
{
	memset(s, 0, sizeof *s);
	if (guid == NULL)
		guid = conf_str(c, CONF_recursion_guid);
	if (guid[0] == 0)
		return err_set(err, FT_EINVAL,
			"recursion/guid is not set: `ft-proxy guid` makes one; write it there, and keep it");
	if (guid_parse(guid, s->guid) != 0 || guid_none(s->guid))
		return err_set(err, FT_EINVAL,
			"recursion/guid: '%s' is no GUID such as `ft-proxy guid` makes", guid);
	for (unsigned i = 0; i < PROXY_DESTINATIONS; i++) {
		const char *const *words;
		unsigned n = conf_list(c, (enum conf_key)(CONF_recursion_forwarder0 + (int)i), &words);
		int rc = n ? read_destination(s, i, words, n, err) : 0;
		if (rc != 0)
			return rc;
	}
	if (s->n == 0)
		return err_set(err, FT_EINVAL, "recursion/forwarder0 is not set: where are flows to go?");
	snprintf(s->cert, sizeof s->cert, "%s", conf_str(c, CONF_recursion_tlscertfile));
	snprintf(s->key, sizeof s->key, "%s", conf_str(c, CONF_recursion_tlskeyfile));
	snprintf(s->ca, sizeof s->ca, "%s", conf_str(c, CONF_recursion_tlscafile));
	return read_queue(s, c, err);
}
