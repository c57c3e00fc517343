/* settings.c - see settings.h */
#include "tracker/settings.h"

#include <string.h>
#include <strings.h>

#include "common/log.h"

static int
session_key(const struct conf *conf, unsigned *scoped, struct err *err)
{
	const char *const *word;
	unsigned n = conf_list(conf, CONF_sessiontables_sessionkey, &word);
	*scoped = 0;
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(word[i], "vlan") == 0)
			*scoped |= TABLE_KEY_VLAN;
		else if (strcmp(word[i], "vrf") == 0)
			*scoped |= TABLE_KEY_VRF;
		else if (strcmp(word[i], "domain") == 0)
			*scoped |= TABLE_KEY_DOMAIN;
		else
			return err_set(err, FT_EINVAL,
				"sessiontables/sessionkey: '%s' is none of vlan, vrf, domain", word[i]);
	}
	return FT_OK;
}

int
settings_from(const struct conf *conf, struct settings *out, struct err *err)
{
	struct err why;
	uint64_t shards = conf_uint(conf, CONF_sessiontables_trackerthreads);
	*out = (struct settings){
		.capacity =
			(uint32_t)((conf_uint(conf, CONF_sessiontables_conntracksize) + shards - 1) / shards),
		.interval_s = (uint32_t)conf_uint(conf, CONF_storage_storageinterval),
		.timeout_s = (uint32_t)conf_uint(conf, CONF_sessiontables_timeout),
		.udp_timeout_s = (uint32_t)conf_uint(conf, CONF_sessiontables_udptimeout),
		.icmp_timeout_s = (uint32_t)conf_uint(conf, CONF_sessiontables_icmptimeout),
		.toolong_s = (uint32_t)conf_uint(conf, CONF_sessiontables_toolong),
		.linger_s = (uint32_t)conf_uint(conf, CONF_sessiontables_linger),
		.dedup = conf_bool(conf, CONF_sessiontables_dedup),
		.resizable = conf_bool(conf, CONF_sessiontables_resizable),
	};
	const char *const *keep;
	unsigned words = conf_list(conf, CONF_netflow_keepfields, &keep);
	if (words > 1 || (words == 1 && strcasecmp(keep[0], "none") != 0)) {
		uint64_t most = conf_uint(conf, CONF_sessiontables_elementbytes);
		out->element_bytes = (uint32_t)(most < FT_ELEMENTS_MOST ? most : FT_ELEMENTS_MOST);
	}
	if (*conf_str(conf, CONF_servicesfile) == 0)
		service_ports_init(&out->services);
	else if (service_ports_load(&out->services, conf_str(conf, CONF_servicesfile), &why) != FT_OK)
		log_high("%s", why.text);
	return session_key(conf, &out->scoped, err);
}
