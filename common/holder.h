/*
 * holder.h - who holds a port that we can't get?
 */
#ifndef FT_HOLDER_H
#define FT_HOLDER_H

#include <stddef.h>

/* protocol: "tcp" or "udp".  " (held by NAME, pid N)", or "" when it can't be seen (another user's process). */
void holder_of_port(const char *protocol, unsigned port, char *out, size_t size);

#endif
