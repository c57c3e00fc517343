/*
 * capture.h - UDP payloads out of capture files: pcap and pcapng, Ethernet (tagged or not), Linux cooked, loopback and
 * raw IP; IPv4 fragments are put together, since export datagrams may be longer than an MTU.
 */
#ifndef FT_INGEST_CAPTURE_H
#define FT_INGEST_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

/* Calls f for each UDP datagram in order; when_us: time of its packet.  Returns 0, or FT_EFORMAT if this is no capture
 * file.  What can't be read inside is skipped. */
int capture_each(const uint8_t *bytes, size_t n,
	void (*f)(void *ctx, const uint8_t from[16], int64_t when_us, const uint8_t *payload, size_t n),
	void *ctx);

#endif
