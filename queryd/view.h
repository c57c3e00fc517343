/*
 * view.h - a ranking: two passes over the blocks; one for most filtered views of addresses (view_hosts.c).
 *
 * Rank pass: one number an entity, from the two columns that are ranked by.  Then the rows of the table are
 * known, and the detail pass adds up everything else only for them: bytes, packets, sessions, series, totals.
 * Sessions counted by distinct id and unique counts are sets of pairs in both passes; threads have sets of their
 * own, which are merged before anything is counted.
 */
#ifndef FT_QUERYD_VIEW_H
#define FT_QUERYD_VIEW_H

#include "queryd/coded.h"
#include "queryd/keys.h"
#include "queryd/kernel.h"
#include "queryd/parts.h"

enum count_kind { COUNT_BYTES, COUNT_BITS, COUNT_PACKETS, COUNT_SESSIONS, COUNT_UPDATES, COUNT_UNIQUE };

enum { VIEW_THREADS = 32 }; /* scan's most */

struct view {
	struct query *q;
	const struct view_info *entity, *unique; /* unique NULL unless COUNT_UNIQUE */
	enum count_kind kind;
	enum ft_column amount[2]; /* client's, server's: what is ranked by, unless SESSIONS or UNIQUE */
	enum query_direction direction;
	struct texts texts;
	bool by_code; /* blocks may be added up by code (coded.h) */
	bool at_once; /* everything in one pass (view_hosts.c) */
	/* rank pass */
	struct keys keys, members;
	uint64_t *value; /* by id */
	uint32_t values;
	bool merged; /* keys hold something */
	/* parts of the threads whose keys mean the same to all: merged part by part, by all threads */
	struct parts64 kept[VIEW_THREADS];
	unsigned n_kept;
	/* UNIQUE of what is ranked, in total: each of two is the other's member, one pair says both, and `keys` are the
	 * members */
	bool mutual;
	bool by_part;         /* pairs of entities are added up in parts (parts.h) */
	struct parts64 pairs; /* UNIQUE: id << 32 | member */
	struct min128 counts; /* SESSIONS by distinct id: session, id */
	/* ranking */
	uint8_t *permitted; /* by id; NULL: all */
	uint32_t *top;      /* ids, best first */
	uint32_t tops;      /* of which rows [offset, …) are shown */
	uint32_t offset;
	uint32_t entities; /* with a value */
	uint64_t all;      /* sum of their values */
	/* detail pass */
	bool detail_by_code;
	bool alone;          /* a series of all needs no other ids than those shown, see view_top.c */
	struct sieve sieve;  /* of `few` */
	struct keys few;     /* only the shown ones, unless a series needs the others too */
	struct keys *detail; /* &few or &keys; ids of the detail pass are of it */
	uint32_t *row_of;    /* by such an id: row + 1 of the shown ones; 0 none */
	uint32_t rows;       /* shown */
	uint32_t *first;     /* a row each: pairs: element id of the key's first part */
	struct row *row;
	uint64_t *series; /* rows + 1 times slots; the last is all entities' together */
	struct total {
		uint64_t sessions, bytes, packets, flows;
	} total;
	struct min128 ids; /* session, row << 3 | tag -> earliest time; at once: id << 3 | tag */
	/* at once: ids are of `hosts`; by id what a row of the table says, and what is in it twice */
	struct tabwide hosts,
		member_hosts; /* of several threads: one table for all, so that ids mean the same to each */
	struct row *full;
	uint32_t fulls, lesses;
	uint64_t *less;
	struct min128 first_seen; /* UNIQUE with a series: row, member -> earliest time */
};
struct row {
	uint64_t bytes[2], packets[2], sessions[2]; /* sent, received; initiated, accepted */
};
/* tags of `ids` */
enum { TAG_INITIATED, TAG_ACCEPTED, TAG_VALUE, TAG_TOTAL };

/* one selected row's entities: up to two, each with which of the client's and server's amounts it gets */
struct share {
	uint32_t id;
	uint8_t client, server;
};
/* 0, 1 or 2 shares; x, y as keys_batch gives them */
static inline unsigned
view_shares(const struct view *v, uint32_t x, uint32_t y, struct share out[2])
{
	unsigned n = 0;
	bool sent = v->direction == QUERY_SENT, received = v->direction == QUERY_RECEIVED;
	switch (v->entity->class) {
	case VIEW_TWO:
		if (x != ID_NONE)
			out[n++] = (struct share){x, !received, !sent};
		if (y != ID_NONE && y != x)
			out[n++] = (struct share){y, !sent, !received};
		else if (y != ID_NONE)
			out[0].client = out[0].server =
				1; /* both sides are this entity: once, but all of it */
		return n;
	case VIEW_FLOW:
		if (x != ID_NONE)
			out[n++] = (struct share){x, 1, 0};
		if (y != ID_NONE && y != x)
			out[n++] = (struct share){y, 0, 1};
		else if (y != ID_NONE)
			out[0].server = 1;
		return n;
	default:
		if (x != ID_NONE)
			out[n++] = (struct share){x, 1, 1};
		return n;
	}
}
/* ids that a session counts for: initiated are the client's, accepted the server's */
static inline unsigned
view_counted(const struct view *v, uint32_t x, uint32_t y, uint32_t out[2])
{
	unsigned n = 0;
	bool two = v->entity->class == VIEW_TWO, flow = v->entity->class == VIEW_FLOW;
	if (x != ID_NONE && !(two && v->direction == QUERY_RECEIVED))
		out[n++] = x;
	if ((two || flow) && y != ID_NONE && !(two && v->direction == QUERY_SENT) && (n == 0 || y != x))
		out[n++] = y;
	return n;
}

struct member_pair {
	uint32_t id, member;
};
/* UNIQUE: what one row adds, at most 8; x, y and mx, my as keys_batch gives them, has_* whether the direction has
 * flows (view_unique.c) */
unsigned view_members(const struct view *v, uint32_t x, uint32_t y, uint32_t mx, uint32_t my, bool has_client,
	bool has_server, struct member_pair out[8]);

/* amounts of the batch into the total, but its sessions; *whole: those of its block are there already */
int view_totals(struct total *t, bool *whole, struct worker *w);

/* steps, in this order */
int view_open(struct view *v, struct query *q);
int view_rank(struct view *v);        /* view_rank.c: fills in value */
int view_hosts(struct view *v);       /* view_hosts.c: the same, and all that the detail pass would */
void view_hosts_rows(struct view *v); /* after view_choose: its rows */
void view_hosts_free(struct view *v);
int view_choose(struct view *v);               /* view_top.c: permitted, top, rows */
int view_detail(struct view *v);               /* view_detail.c */
int view_answer(struct view *v, json_t **out); /* view_answer.c */
void view_close(struct view *v);

/* restrict.c: sets v->permitted if the filter has either-side tests of the view's entity */
int view_restrict(struct view *v);

#endif
