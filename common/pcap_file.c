/* pcap_file.c - see pcap_file.h */
#include "common/pcap_file.h"

#include "common/err.h"

enum { BLOCK_INTERFACE = 1, BLOCK_PACKET = 2, BLOCK_SIMPLE = 3, BLOCK_ENHANCED = 6 };
enum { OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };
static const uint8_t section[4] = {0x0a, 0x0d, 0x0d, 0x0a};

static uint32_t
u32(const struct pcap_file *f, struct cursor *c)
{
	uint32_t v = cursor_u32(c);
	return f->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t
u16(const struct pcap_file *f, struct cursor *c)
{
	uint16_t v = cursor_u16(c);
	return f->swapped ? __builtin_bswap16(v) : v;
}

int
pcap_file_open(struct pcap_file *f, const uint8_t *bytes, size_t n)
{
	struct cursor c = cursor_of(bytes, n);
	uint32_t magic = cursor_u32(&c);
	*f = (struct pcap_file){.c = cursor_of(bytes, n)};
	switch (magic) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		f->nano = magic == 0xa1b23c4d;
		break;
	case 0xd4c3b2a1:
	case 0x4d3cb2a1:
		f->swapped = true;
		f->nano = magic == 0x4d3cb2a1;
		break;
	case 0x0a0d0d0a:
		f->ng = true;
		return 0;
	default:
		return FT_EFORMAT;
	}
	cursor_skip(&f->c, 20);
	f->interface[0].link = u32(f, &f->c) & 0xffff; /* above: length of a frame check sequence */
	f->truncated = f->c.bad;
	f->n_interfaces = 1;
	return 0;
}

/* kept bytes at the cursor, as many as there are */
static bool
give(struct pcap_file *f, struct cursor *c, uint32_t kept, uint32_t wire, uint32_t link,
	struct pcap_packet *p)
{
	if (kept > cursor_left(c)) {
		f->truncated = true;
		kept = (uint32_t)cursor_left(c);
	}
	p->bytes = cursor_take(c, kept);
	p->n = kept;
	p->wire = wire > kept ? wire : kept;
	p->link = link;
	return p->bytes != NULL;
}

static bool
next_classic(struct pcap_file *f, struct pcap_packet *p)
{
	if (cursor_left(&f->c) < 16) {
		f->truncated |= cursor_left(&f->c) != 0;
		return false;
	}
	uint32_t seconds = u32(f, &f->c), part = u32(f, &f->c), kept = u32(f, &f->c), wire = u32(f, &f->c);
	p->when_us = (int64_t)seconds * 1000000 + (f->nano ? part / 1000 : part);
	return give(f, &f->c, kept, wire, f->interface[0].link, p);
}

static void
options(const struct pcap_file *f, struct cursor *b, struct pcap_interface *i)
{
	while (cursor_left(b) >= 4) {
		unsigned code = u16(f, b), n = u16(f, b);
		struct cursor o = cursor_sub(b, n);
		if (o.bad || code == 0)
			return;
		cursor_skip(b, -n & 3u);
		if (code == OPTION_TSRESOL && n == 1) {
			unsigned r = cursor_u8(&o), e = r & 0x7f;
			if (r & 0x80)
				i->units = e < 63 ? (int64_t)1 << e : i->units;
			else if (e <= 18)
				for (i->units = 1; e > 0; e--)
					i->units *= 10;
		} else if (code == OPTION_TSOFFSET && n == 8) {
			uint64_t low = u32(f, &o), high = u32(f, &o);
			i->offset_s = (int64_t)(f->swapped ? high << 32 | low : low << 32 | high);
		}
	}
}

static void
new_interface(struct pcap_file *f, struct cursor *b)
{
	if (f->n_interfaces == PCAP_INTERFACES)
		return;
	struct pcap_interface *i = &f->interface[f->n_interfaces++];
	*i = (struct pcap_interface){.units = 1000000};
	i->link = u16(f, b);
	cursor_skip(b, 2);
	i->snap = u32(f, b);
	options(f, b, i);
}

static int64_t
stamp(const struct pcap_interface *i, uint32_t high, uint32_t low)
{
	uint64_t t = (uint64_t)high << 32 | low, units = (uint64_t)i->units;
	/* a stamp that no clock gives is not worth an overflow */
	__int128 us = (__int128)(t / units) * 1000000 + (__int128)(t % units) * 1000000 / (__int128)units +
		      (__int128)i->offset_s * 1000000;
	return us > INT64_MAX || us < INT64_MIN ? 0 : (int64_t)us;
}

/* a block of a packet: true and p if it has one that can be told of */
static bool
packet_block(struct pcap_file *f, uint32_t type, struct cursor *b, struct pcap_packet *p)
{
	if (type == BLOCK_SIMPLE) {
		uint32_t wire = u32(f, b);
		if (f->n_interfaces == 0 || b->bad)
			return false;
		uint32_t snap = f->interface[0].snap, kept = snap && snap < wire ? snap : wire;
		p->when_us = 0; /* it says none */
		return give(f, b, kept < cursor_left(b) ? kept : (uint32_t)cursor_left(b), wire,
			f->interface[0].link, p);
	}
	uint32_t interface = type == BLOCK_ENHANCED ? u32(f, b) : u16(f, b);
	if (type == BLOCK_PACKET)
		cursor_skip(b, 2); /* drops */
	uint32_t high = u32(f, b), low = u32(f, b), kept = u32(f, b), wire = u32(f, b);
	if (b->bad || interface >= f->n_interfaces)
		return false;
	p->when_us = stamp(&f->interface[interface], high, low);
	return give(f, b, kept, wire, f->interface[interface].link, p);
}

static bool
next_block(struct pcap_file *f, struct pcap_packet *p)
{
	while (cursor_left(&f->c) >= 12) {
		const uint8_t *begin = f->c.at;
		if (memcmp(begin, section, sizeof section) == 0) {
			/* a section has its own byte order: 0x1a2b3c4d as its writer has it */
			f->swapped = begin[8] == 0x4d;
			f->n_interfaces = 0;
		}
		uint32_t type = u32(f, &f->c), length = u32(f, &f->c);
		if (length < 12 || length - 8 > cursor_left(&f->c))
			break;
		struct cursor b = cursor_sub(&f->c, length - 8);
		b.end -= 4;
		if (type == BLOCK_INTERFACE)
			new_interface(f, &b);
		else if ((type == BLOCK_ENHANCED || type == BLOCK_SIMPLE || type == BLOCK_PACKET) &&
			 packet_block(f, type, &b, p))
			return true;
	}
	f->truncated |= cursor_left(&f->c) != 0;
	return false;
}

bool
pcap_file_next(struct pcap_file *f, struct pcap_packet *p)
{
	return f->ng ? next_block(f, p) : next_classic(f, p);
}

/* ---- link types ------------------------------------------------------------------------------- */

static enum packet_link
of_type(unsigned type)
{
	switch (type) {
	case 0x0800:
	case 0x86dd:
		return PACKET_LINK_IP;
	case 0x8847:
	case 0x8848:
		return PACKET_LINK_MPLS;
	default:
		return PACKET_LINK_NONE;
	}
}

static enum packet_link
cooked2(const struct pcap_packet *p, uint32_t *skip)
{
	if (p->n < 20)
		return PACKET_LINK_NONE;
	unsigned type = (unsigned)p->bytes[0] << 8 | p->bytes[1];
	*skip = 20;
	while ((type == 0x8100 || type == 0x88a8 || type == 0x9100) && *skip + 4 <= p->n) {
		type = (unsigned)p->bytes[*skip + 2] << 8 | p->bytes[*skip + 3];
		*skip += 4;
	}
	return of_type(type);
}

enum packet_link
pcap_packet_link(const struct pcap_packet *p, uint32_t *skip, bool *macs)
{
	*skip = 0;
	*macs = true;
	switch (p->link) {
	case PCAP_ETHERNET:
		return PACKET_LINK_ETHERNET;
	case PCAP_SLL: /* its type stands 2 bytes farther than Ethernet's, and tags follow it as they do there */
		*skip = 2;
		*macs = false;
		return p->n >= 16 ? PACKET_LINK_ETHERNET : PACKET_LINK_NONE;
	case PCAP_SLL2:
		return cooked2(p, skip);
	case PCAP_NULL:
	case PCAP_LOOP:
		*skip = 4;
		return p->n >= 4 ? PACKET_LINK_IP : PACKET_LINK_NONE;
	case PCAP_RAW_BSD:
	case PCAP_RAW_OPENBSD:
	case PCAP_RAW:
	case PCAP_IPV4:
	case PCAP_IPV6:
		return PACKET_LINK_IP;
	case PCAP_PPP:
	case PCAP_PPP_HDLC:
		return PACKET_LINK_PPP;
	case PCAP_PPPOE:
		*skip = 6;
		return p->n >= 6 ? PACKET_LINK_PPP : PACKET_LINK_NONE;
	case PCAP_CISCO_HDLC:
		*skip = 4;
		return p->n >= 4 ? of_type((unsigned)p->bytes[2] << 8 | p->bytes[3]) : PACKET_LINK_NONE;
	case PCAP_MPLS:
		return PACKET_LINK_MPLS;
	case PCAP_80211:
		return PACKET_LINK_80211;
	case PCAP_80211_RADIOTAP:
		if (p->n < 4)
			return PACKET_LINK_NONE;
		*skip = (uint32_t)(p->bytes[2] | p->bytes[3] << 8); /* little-endian whatever the file is */
		return *skip <= p->n ? PACKET_LINK_80211 : PACKET_LINK_NONE;
	default:
		return PACKET_LINK_NONE;
	}
}
