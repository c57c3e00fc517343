/*
 * view_unique.c - which members a slice adds to which entities.
 *
 * A slice is up to two flows, client to server and back.  An entity with two sides meets the member at the
 * other end of its flow; any other meets the members at both ends.  Members without sides (port and protocol,
 * TOS, flags) are the flow's own.  Sent and received look only at flows of that direction.
 */
#include "queryd/view.h"

struct adder {
	struct member_pair *out;
	unsigned n;
};
static void
add(struct adder *a, uint32_t id, uint32_t member)
{
	if (id == ID_NONE || member == ID_NONE)
		return;
	for (unsigned i = 0; i < a->n; i++)
		if (a->out[i].id == id && a->out[i].member == member)
			return;
	a->out[a->n++] = (struct member_pair){id, member};
}

/* members at both ends, or the flow's own */
static void
add_ends(struct adder *a, enum view_class members, uint32_t id, uint32_t mx, uint32_t my, bool back)
{
	if (members == VIEW_TWO) {
		add(a, id, mx);
		add(a, id, my);
	} else
		add(a, id, members == VIEW_FLOW && back ? my : mx);
}

unsigned
view_members(const struct view *v, uint32_t x, uint32_t y, uint32_t mx, uint32_t my, bool has_client,
	bool has_server, struct member_pair out[8])
{
	struct adder a = {out, 0};
	enum view_class members = v->unique->class;
	if (!has_client && !has_server)
		has_client = true;
	for (int back = 0; back < 2; back++) {
		if (!(back ? has_server : has_client))
			continue;
		switch (v->entity->class) {
		case VIEW_TWO: {
			uint32_t sender = back ? y : x, receiver = back ? x : y;
			uint32_t at_sender = back ? my : mx, at_receiver = back ? mx : my;
			uint32_t own = members == VIEW_FLOW && back ? my : mx;
			if (v->direction != QUERY_RECEIVED)
				add(&a, sender, members == VIEW_TWO ? at_receiver : own);
			if (v->direction != QUERY_SENT)
				add(&a, receiver, members == VIEW_TWO ? at_sender : own);
			break;
		}
		case VIEW_FLOW:
			add_ends(&a, members, back ? y : x, mx, my, back);
			break;
		default:
			add_ends(&a, members, x, mx, my, back);
		}
	}
	return a.n;
}
