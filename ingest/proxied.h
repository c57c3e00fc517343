/*
 * proxied.h - flows that come by way of ft-proxy: IPFIX whose records say whose flows they are (docs/proxy.md).
 *
 * Each message of ft-proxy begins with an options record: stream (which queue of which proxy), position (how many records
 * went before it in that stream), how many follow.  A record is a flow, or what an exporter says of an interface.  The position after the last message that was taken is in the
 * slot of the proxy's source (ft_source.proxy_next), which the stage commits with the flows.  So a message that comes
 * again, after any kill on either side, is known and passed over: nothing counts twice.  Positions that are missing are
 * records that the proxy had to drop: sequence gaps of its source.
 * The position is sent back on the connection after the commit: then the proxy deletes what it has kept.
 *
 * Two connections of one stream may be open at a time (the old one's end is not noticed yet).  Both carry the same
 * messages in the same order from a position that was not acknowledged, so whichever comes first counts.
 */
#ifndef FT_INGEST_PROXIED_H
#define FT_INGEST_PROXIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/decode.h"
#include "ingest/template.h"

/* Until the project has a number of its own: the one that RFC 5612 reserves for documentation, so no vendor's. */
#define PROXIED_PEN 32473u
enum {
	PROXIED_BITS = 1,    /* id of flowBits */
	PROXIED_SPEED = 12,  /* id of interfaceSpeed */
	PROXIED_STREAM = 32, /* ids in the options record: scope; then numbers of 8, 8 and 4 bytes, GUID */
	PROXIED_POSITION = 33,
	PROXIED_FLOWS = 34,
	PROXIED_ACK =
		24, /* bytes of an acknowledgement: "FTK1", 4 zero bytes, stream, position (big-endian) */
	PROXIED_TEXT = 256, /* longest name or description that is passed on */
};

/* of variable length: n bytes, not ended by anything */
struct proxied_text {
	const uint8_t *p;
	uint32_t n;
};
/* of a flow, or of what is said of an interface, what is in neither slot of a flow */
struct proxied_origin {
	uint8_t exporter[16], guid[16];
	struct proxied_text application; /* its name */
	struct proxied_text elements;    /* list of contract/elements.h, in a flow's form */
	struct proxied_text name, description;
	uint64_t speed; /* bit/s; 0: not said */
	uint8_t kind;   /* FT_KIND_* */
};

enum proxied_group { /* bits */
	PROXIED_V4 = 1,
	PROXIED_V6 = 2,
	PROXIED_EXT = 4,
	PROXIED_KEPT = 8,
	PROXIED_IFC = 16,
	PROXIED_FLOW = PROXIED_V4 | PROXIED_V6,
	PROXIED_EACH = PROXIED_FLOW | PROXIED_IFC,
};
enum proxied_kind { PROXIED_NUM, PROXIED_RAW, PROXIED_MAPPED, PROXIED_NTP, PROXIED_TEXTUAL };
enum proxied_base { PROXIED_BASE_f, PROXIED_BASE_x, PROXIED_BASE_o };
struct proxied_row {
	uint8_t group, kind, base, width; /* width: of the field in memory */
	uint16_t id, length, offset;
	uint32_t pen;
};
extern const struct proxied_row proxied_rows[];
extern const unsigned proxied_row_count;

/* microseconds since 1970 as NTP writes them, and back: exact */
uint64_t proxied_ntp(int64_t us);
int64_t proxied_us(uint64_t ntp);

/* of ft-proxy, both: is this template one, and is a record of it read here? */
bool proxied_is(const struct message *m, const struct template *t);
/* One record of data: a flow, or what is said of an interface; of options.  false: cut short, or d->stopped. */
bool proxied_record(struct message *m, const struct template *t, struct cursor *c);
void proxied_options(struct message *m, const struct template *t, const uint8_t *p, size_t n);
/* decode_finish: the datagram counts */
void proxied_finish(struct decoder *d);
void proxied_free(struct decoder *d);
/* An acknowledgement that is due; once for what was finished since the last call. */
bool proxied_ack(struct decoder *d, uint8_t out[PROXIED_ACK]);

/* source.c: `flows` of (exporter, version, domain) came by a proxy */
void source_proxied(struct decoder *d, uint32_t exporter, uint8_t version, uint32_t domain, uint64_t flows,
	uint32_t sampling, wall_t arrived);

#endif
