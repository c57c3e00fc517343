/*
 * settings.h - struct settings (core.h) out of the configuration.
 */
#ifndef FT_TRACKER_SETTINGS_H
#define FT_TRACKER_SETTINGS_H

#include "common/conf.h"
#include "tracker/core.h"

/* FT_EINVAL: sessionkey names something unknown.  A servicesfile that can't be read is a log line. */
int settings_from(const struct conf *conf, struct settings *out, struct err *err);

#endif
