/*
 * encode.h - decoded flows to the sets of an IPFIX message, by the rows of ingest/proxied.def.
 */
#ifndef FT_PROXY_ENCODE_H
#define FT_PROXY_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/proxied.h"
#include "proxy/queue.h"

/* templates: 256 + (1: IPv6) + (2: with extension) + (4: with kept elements); the options template; of interfaces */
enum { ENCODE_TEMPLATE = 256, ENCODE_FLOWS = 8, ENCODE_OPTIONS = 264, ENCODE_INTERFACE = 265 };
enum { ENCODE_HEADER = 16, ENCODE_OPTIONS_SET = 4 + 8 + 8 + 4 + 16, ENCODE_TEMPLATE_BYTES = 4096 };
/* longest record without its kept elements */
enum { ENCODE_RECORD = 1024 };

struct encoder {
	uint8_t sets[QUEUE_MESSAGE];
	size_t n;    /* bytes of sets */
	size_t set;  /* where the set begins that is being written */
	unsigned id; /* its template; 0: none */
	unsigned records;
};

void encode_begin(struct encoder *e);
/* Add a flow, or what an exporter says of an interface: f->in_if is its index, export_us since when, domain and version are
 * whose.  o's texts are PROXIED_TEXT bytes long at most, its list FT_ELEMENTS_MOST.  false: no room; take what there is,
 * begin anew, and try again. */
bool encode_flow(struct encoder *e, const struct ft_flow *f, const struct ft_flow_ext *x,
	const struct proxied_origin *o);
bool encode_interface(struct encoder *e, const struct ft_flow *f, const struct proxied_origin *o);
/* close the last set: sets[0..n) are ready */
void encode_end(struct encoder *e);

/* All of these return the bytes they wrote. */
size_t encode_header(
	uint8_t *to, size_t message_bytes, uint32_t export_s, uint32_t sequence, uint32_t domain);
size_t encode_templates(uint8_t to[ENCODE_TEMPLATE_BYTES]);
size_t encode_options(
	uint8_t *to, uint64_t stream, uint64_t position, uint32_t records, const uint8_t guid[16]);

#endif
