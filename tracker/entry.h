/*
 * entry.h - what the tracker keeps in shared memory: segment "tracker.<shard>".
 *
 *   struct trk_header     constants; incarnations of the rings whose positions the stage holds
 *   struct ft_stage       contract/stage.h: commit records and undo log
 *   struct trk_entry[]    one session each, `capacity` of them
 *   struct trk_ext[]      as many extensions; which are in use is said by the entries alone
 *   struct trk_kept[]     one an entry, and trk_cell[]: kept elements (kept.h); none if keepfields is none
 *
 * An entry is three lines, an IPv6 session included; what few exporters send (MAC, next hop, NAT, NSEL,
 * application, MPLS, VRF) is in an extension.  Only truth is here.  Hash index, free lists, dirty bitmap and
 * clock hands are private memory, rebuilt by one scan (table.h): so a slot is the unit of undo, and no slot
 * says anything about another that the undo of one alone would make wrong (an entry names its extension,
 * the extension names nobody).
 *
 * The hot half is what every flow changes: a merge costs an image of 96 bytes.
 *
 * Rule of images (why slots freed and taken again within one batch come back right): who frees a slot changes `state`
 * only and keeps its image; who takes a free one keeps the image of `state` only, since a free slot has no other
 * content, but the whole image if it was freed in the same batch.  Images go back newest first, so `state` comes last.
 *
 * Version 1.1.  Tests: tests/unit/tracker_*_test.c, tests/contract/tracker_stepping_test.c.
 */
#ifndef FT_TRACKER_ENTRY_H
#define FT_TRACKER_ENTRY_H

#include "common/contract/abi.h"
#include "common/contract/stage.h"

#define TRK_MAGIC "FTTRACK"
#define TRK_VERSION 0x00010001u

/* trk_entry.state */
enum {
	TRK_USED = 1u << 0,   /* clear: the slot is free */
	TRK_STORED = 1u << 1, /* a slice was emitted: never turned any more */
	TRK_CLIENT_SEEN = 1u << 2,
	TRK_SERVER_SEEN = 1u << 3,
	TRK_CUT = 1u << 4, /* FT_SLICE_CUT from now on */
	TRK_DISPUTED = 1u << 5,
	TRK_INFERRED = 1u << 6,
	TRK_ENDED = 1u << 7, /* FIN, RST or teardown seen: lingers */
	TRK_CLIENT_FIN = 1u << 8,
	TRK_SERVER_FIN = 1u << 9,
	TRK_CLIENT_SYN = 1u << 10, /* any SYN seen from that side */
	TRK_SERVER_SYN = 1u << 11,
	TRK_CLIENT_OPENS = 1u << 12, /* SYN without ACK seen from that side */
	TRK_SERVER_OPENS = 1u << 13,
	TRK_INHERITED = 1u << 15, /* goes on for one that was too long: its direction was decided then */
	TRK_GAPS = 1u << 14,      /* the hull is not solid from its start: see `solid` */
};

struct trk_entry {
	/* cold: key and attributes */
	uint8_t client[16], server[16];
	uint64_t session;
	uint32_t exporter, domain;
	uint32_t in_if, out_if;
	uint32_t client_as, server_as;
	uint32_t sampling;
	uint32_t present; /* FT_HAS_*: what the attributes below and the extension hold */
	uint16_t client_port, server_port;
	uint16_t client_vlan, server_vlan;
	uint32_t ext;      /* slot + 1; 0: none */
	uint32_t opened_s; /* exporter's header clock, seconds since 1970: toolong */
	uint8_t proto, version, client_tos, server_tos, client_mask, server_mask;
	uint8_t rule; /* FT_RULE_* */
	uint8_t end;  /* FT_END_* once TRK_ENDED */
	/* hot */
	uint64_t client_bytes, server_bytes, client_packets,
		server_packets;    /* not yet emitted, times sampling */
	int64_t first_us, last_us; /* of what is not yet emitted */
	int64_t start_us,
		prev_us;     /* TRK_STORED: hull of emitted slices.  Else: when client and server began, 0 if
				    * that side has not been seen (which side was first: direction.h) */
	uint32_t dup[2];     /* digest of the latest flow from client and server, to tell a duplicate */
	uint32_t solid_us;   /* with TRK_GAPS: the hull has no gap in its last so many microseconds */
	uint32_t seen_s;     /* exporter's header clock at the latest flow: timeout and linger */
	uint32_t updated_ms; /* monotonic, wraps: eviction takes old ones */
	uint32_t state;      /* TRK_* */
	uint16_t client_flows, server_flows; /* not yet emitted; both 0: nothing pending */
	uint8_t client_flags, server_flags;  /* of what is not yet emitted */
	uint16_t since; /* monotonic, 10 ms units, wraps: when the first pending flow came */
};
static_assert(sizeof(struct trk_entry) == 192, "an entry is three lines");
enum { TRK_HOT = offsetof(struct trk_entry, client_bytes) };
static_assert(TRK_HOT == 96, "the hot half");

struct trk_ext {
	uint8_t next_hop[16];
	uint8_t nat_client[16], nat_server[16];
	uint64_t app;
	uint32_t mpls_label, vrf;
	uint16_t nat_client_port, nat_server_port;
	uint16_t nsel_ext_event;
	uint8_t nsel_event, forwarding_status;
	uint8_t client_mac[6], server_mac[6];
	uint32_t has; /* FT_EXT_* */
	/* A next hop and a label belong to one direction; slices carry the client's.  The server's are kept as
	 * long as the session may be turned.  Events of NSEL have no next hop: of them the counts are here (nsel.h). */
	union {
		uint8_t server_next_hop[16];
		int64_t nsel_packets[2];
	};
	uint32_t server_mpls_label : 24, server_has : 8; /* FT_EXT_NEXT_HOP, FT_EXT_MPLS */
	uint32_t app_name;                               /* number in contract/labels.h */
	int64_t nsel_bytes[2];                           /* client, server */
};
static_assert(sizeof(struct trk_ext) == 128, "an extension is two lines");

/* The list of kept elements of the entry of the same number (kept.h). */
struct trk_kept {
	uint32_t first; /* cell + 1; 0: none */
	uint32_t bytes; /* of the list */
};
enum { TRK_CELL_BYTES = 124 };
struct trk_cell {
	uint32_t next; /* cell + 1; 0: the last */
	uint8_t bytes[TRK_CELL_BYTES];
};
static_assert(sizeof(struct trk_cell) == 128, "a cell is two lines");

/* Positions in the stage's record count since a ring was made; these say which ring.  Slots of their own, so
 * that a ring made anew and its position 0 are one commit. */
struct trk_ring_id {
	uint64_t incarnation;
};

struct trk_header {
	struct ft_seg_header seg;
	uint32_t capacity, shard, shards, epoch;
	uint64_t stage, entries, exts, kept, cell; /* offsets from the start of the segment */
	uint32_t cells;
	uint8_t fill[FT_LINE - 60];
	struct trk_ring_id input[FT_STAGE_INPUTS];
	struct trk_ring_id output;
	uint8_t fill2[FT_LINE - 8];
};
static_assert(sizeof(struct trk_header) % FT_LINE == 0, "whole lines");

#define TRK_LAYOUT                                                                                           \
	FT_LAYOUT6(sizeof(struct trk_entry), TRK_HOT, offsetof(struct trk_entry, state),                     \
		sizeof(struct trk_ext), sizeof(struct trk_header) + sizeof(struct trk_cell),                 \
		sizeof(struct ft_stage_record))

/* ft_stage_record.id and .counter of the tracker's stage */
enum { TRK_ID_SESSION = 0, TRK_IDS = 1 };
enum {
	TRK_N_FLOWS,
	TRK_N_SESSIONS,
	TRK_N_SLICES,
	TRK_N_EVICTED,
	TRK_N_DISPUTED,
	TRK_N_TURNED,
	TRK_N_DUPLICATES,
	TRK_N_DROPPED,
	TRK_N_CUTS,
	TRK_N_ELEMENTS_DROPPED,
	TRK_N_COUNTERS
};

#endif
