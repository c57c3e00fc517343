/*
 * decode.c - a decoder's life, and the demultiplexer: the first two bytes of a datagram say what it is.
 */
#include "ingest/decode.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/options.h"
#include "ingest/proxied.h"
#include "ingest/sflow.h"

static const struct {
	uint16_t version;
	void (*decode)(
		struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived);
} formats[] = {
	{0, decode_sflow}, /* the upper half of its 32-bit version */
	{1, decode_netflow1},
	{5, decode_netflow5},
	{7, decode_netflow7},
	{9, decode_netflow9},
	{10, decode_ipfix},
};

int
decoder_init(struct decoder *d, struct ft_source *table, uint64_t *n_sources)
{
	d->source = table;
	d->n_sources = n_sources;
	d->templates = template_table_new();
	d->options = option_table_new();
	d->waiting = waiting_new();
	if (d->templates && d->options && d->waiting)
		return 0;
	decoder_close(d);
	return FT_ENOMEM;
}

void
decoder_close(struct decoder *d)
{
	template_table_free(d->templates);
	option_table_free(d->options);
	waiting_free(d->waiting);
	sflow_table_free(d->sflow);
	proxied_free(d);
	free(d->index);
	d->templates = NULL;
	d->options = NULL;
	d->waiting = NULL;
	d->sflow = NULL;
	d->index = NULL;
}

void
decode_datagram(struct decoder *d, const uint8_t *bytes, size_t n, const uint8_t from[16], wall_t arrived)
{
	struct cursor c = cursor_of(bytes, n);
	uint16_t version = cursor_u16(&c);
	d->totals = (struct decode_totals){.datagrams = 1};
	d->slot = -2;
	for (size_t i = 0; !c.bad && i < sizeof formats / sizeof formats[0]; i++)
		if (formats[i].version == version) {
			formats[i].decode(d, bytes, n, from, arrived);
			return;
		}
	struct message m = {.d = d, .arrived = arrived};
	source_bad(d, &m, "no version of flow export that is known");
}
