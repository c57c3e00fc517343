/* direction.c - see direction.h */
#include "tracker/direction.h"

#include "common/contract/slice_ring.h"

struct direction
direction_decide(const struct direction_side *a, const struct direction_side *b)
{
	if (a->claimed != b->claimed)
		return (struct direction){FT_RULE_EXPORTER, b->claimed};
	if (a->opens != b->opens)
		return (struct direction){FT_RULE_SYN, b->opens};
	if (a->asks != b->asks)
		return (struct direction){FT_RULE_ICMP, b->asks};
	if (a->service != b->service)
		return (struct direction){FT_RULE_SERVICE, a->service};
	if ((a->first_us != 0) != (b->first_us != 0))
		return (struct direction){FT_RULE_TIME, a->first_us == 0};
	if (a->first_us != 0) {
		if (a->first_us + DIRECTION_RESOLUTION_US <= b->first_us)
			return (struct direction){FT_RULE_TIME, false};
		if (b->first_us + DIRECTION_RESOLUTION_US <= a->first_us)
			return (struct direction){FT_RULE_TIME, true};
	}
	if (a->port != b->port)
		return (struct direction){FT_RULE_PORT, a->port < b->port};
	return (struct direction){FT_RULE_ONLY, false};
}
