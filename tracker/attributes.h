/*
 * attributes.h - what is constant within a slice, turned into the client's orientation.
 *
 * A flow speaks about some attributes and not about others: about interfaces, AS and masks of both sides,
 * about TOS and VLAN of its own side (of both VLANs if it carries both), about next hop and label of its own
 * direction.  What the other direction has not said yet is no difference.
 *
 * Two questions, answered apart:
 *   Does it clash with what the pending slice has already been told?  Then that slice goes out first, so that
 *     sums per attribute are exact.
 *   Does it differ from what earlier slices said?  Then the session is counted by its id under a filter on the
 *     attribute (FT_SLICE_CUT), whether a slice had to go out early or not: the hull rule would look for the
 *     session in an earlier slice, which the filter does not select.
 * Absent and present differ for the common attributes.  For extensions absent says nothing: many exporters send
 * an application or a translated address only once, and each such pair would cost a slice a flow.
 * The observation domain is the first flow's: line cards report the two directions under different ones.
 */
#ifndef FT_TRACKER_ATTRIBUTES_H
#define FT_TRACKER_ATTRIBUTES_H

#include <stdbool.h>

#include "common/contract/flow_ring.h"
#include "common/contract/slice_ring.h"
#include "tracker/entry.h"

/* beside FT_HAS_* in masks */
enum { ATTR_SAMPLING = 1u << 20, ATTR_VERSION = 1u << 21 };

struct attributes {
	uint32_t about;   /* FT_HAS_*, ATTR_*: what this flow speaks about */
	uint32_t present; /* which of them it says have a value */
	uint32_t in_if, out_if, client_as, server_as, sampling;
	uint16_t client_vlan, server_vlan;
	uint8_t version, client_tos, server_tos, client_mask, server_mask;
};

void attributes_of(const struct ft_flow *f, bool from_client, struct attributes *a);
/* A new entry, zeroed but for its key, takes what its first flow says, whose source stands for the client. */
void attributes_begin(struct trk_entry *e, const struct ft_flow *f);
/* How a flow stands to what the entry holds.  Most are answered so; only for ATTRIBUTES_LOOK need attributes_of() and
 * attributes_differ() find out. */
enum attributes_news {
	ATTRIBUTES_SAME, /* the entry holds all that the flow says */
	ATTRIBUTES_JOINS, /* but for TOS and VLAN of a side that has said nothing of them: no clash; attributes_join() */
	ATTRIBUTES_LOOK,
};
enum attributes_news attributes_compare(const struct trk_entry *e, const struct ft_flow *f, bool from_client);
void attributes_join(struct trk_entry *e, const struct ft_flow *f, bool from_client);
/* Which of what the flow speaks about differs from the entry. */
uint32_t attributes_differ(const struct trk_entry *e, const struct attributes *a);
/* What flows pending in the entry have spoken about. */
uint32_t attributes_spoken(const struct trk_entry *e);
void attributes_set(struct trk_entry *e, const struct attributes *a);

/* The same for extensions.  clash: pending flows said otherwise; news: earlier flows did not say so. */
struct extension_change {
	bool any, clash, news;
};
/* The flow's extension in the client's orientation: `has` says what it speaks about. */
void extension_of(const struct ft_flow_ext *x, bool from_client, uint32_t state, struct trk_ext *out);
struct extension_change extension_differ(
	const struct trk_entry *e, const struct trk_ext *have, const struct trk_ext *says, bool from_client);
/* Returns the FT_HAS_* bits to set in the entry. */
uint32_t extension_set(struct trk_ext *have, const struct trk_ext *says);

/* Turn an entry round: everything that has sides changes them. */
void attributes_turn(struct trk_entry *e, struct trk_ext *x);

#endif
