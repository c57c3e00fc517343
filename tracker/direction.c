/* direction.c - see direction.h */
#include "tracker/direction.h"

struct direction
direction_by_start(int64_t a_first_us, int64_t b_first_us, uint16_t a_port, uint16_t b_port)
{
	if ((a_first_us != 0) != (b_first_us != 0))
		return (struct direction){FT_RULE_TIME, a_first_us == 0};
	if (a_first_us != 0) {
		if (a_first_us + DIRECTION_RESOLUTION_US <= b_first_us)
			return (struct direction){FT_RULE_TIME, false};
		if (b_first_us + DIRECTION_RESOLUTION_US <= a_first_us)
			return (struct direction){FT_RULE_TIME, true};
	}
	if (a_port != b_port)
		return (struct direction){FT_RULE_PORT, a_port < b_port};
	return (struct direction){FT_RULE_ONLY, false};
}
