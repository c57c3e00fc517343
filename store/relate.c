/*
 * relate.c - see relate.h.
 *
 * Packets out of bytes: hosts that move a lot of data do so in packets of one size, so that packets are bytes divided
 * by it, and a constant or little more is left.  The size is taken from the slope between many and few packets in
 * a sample of the rows (a mean of bytes a packet would be drawn by the many small ones), its neighbours are tried too.
 */
#include "store/relate.h"

enum { SAMPLE = 1024, LEAST = 256, MOST_DIVISOR = 9000 };

int
relate_by(enum ft_column c)
{
	switch (c) {
	case FT_COL_in_if:
	case FT_COL_client_vlan:
	case FT_COL_client_mac:
		return FT_COL_client;
	case FT_COL_out_if:
	case FT_COL_server_vlan:
	case FT_COL_server_mac:
	case FT_COL_next_hop:
		return FT_COL_server;
	case FT_COL_client_flags:
	case FT_COL_server_flags:
	case FT_COL_end_reason:
		return FT_COL_proto;
	case FT_COL_app_name:
		return FT_COL_server_port;
	default:
		return -1;
	}
}

/* The number that half of them are below; they change places. */
static int64_t
middle_of(int64_t *x, uint32_t n)
{
	int64_t low = 0, high = (int64_t)n - 1, wanted = n / 2;
	while (low < high) {
		int64_t by = x[(low + high) / 2], i = low, j = high;
		while (i <= j) {
			while (x[i] < by)
				i++;
			while (x[j] > by)
				j--;
			if (i <= j) {
				int64_t swap = x[i];
				x[i++] = x[j];
				x[j--] = swap;
			}
		}
		if (wanted <= j)
			high = j;
		else if (wanted >= i)
			low = i;
		else
			break;
	}
	return x[wanted];
}

/* Bits that the numbers take when the middle one is taken off. */
static uint64_t
bits_of(int64_t *x, uint32_t n)
{
	uint64_t sum = 0;
	int64_t middle = middle_of(x, n);
	for (uint32_t i = 0; i < n; i++) {
		int64_t d = x[i] - middle;
		uint64_t size = (uint64_t)(d < 0 ? -d : d);
		sum += size ? 64 - (unsigned)__builtin_clzll(size) : 0;
	}
	return sum;
}

static uint64_t
bits_left(const int64_t *packets, const int64_t *bytes, uint32_t n, int64_t divisor)
{
	int64_t left[SAMPLE] = {0};
	for (uint32_t i = 0; i < n; i++)
		left[i] = packets[i] - bytes[i] / divisor;
	return bits_of(left, n);
}

/* Bytes for each packet more, between the rows of many packets and the others. */
static int64_t
slope(const int64_t *packets, const int64_t *bytes, uint32_t n)
{
	double mean = 0, p[2] = {0}, b[2] = {0}, rows[2] = {0};
	for (uint32_t i = 0; i < n; i++)
		mean += (double)packets[i] / n;
	for (uint32_t i = 0; i < n; i++) {
		unsigned many = (double)packets[i] > 2 * mean;
		p[many] += (double)packets[i];
		b[many] += (double)bytes[i];
		rows[many]++;
	}
	if (rows[0] == 0 || rows[1] == 0)
		return 0;
	double more = p[1] / rows[1] - p[0] / rows[0];
	return more < 1 ? 0 : (int64_t)((b[1] / rows[1] - b[0] / rows[0]) / more + 0.5);
}

unsigned
relate_divisor(const uint64_t *packets, const uint64_t *bytes, uint32_t n, uint64_t *plain)
{
	int64_t p[SAMPLE], b[SAMPLE], left[SAMPLE] = {0}, best = 0;
	*plain = 0;
	if (n < LEAST)
		return 0;
	uint32_t some = n < SAMPLE ? n : SAMPLE, step = n / some;
	for (uint32_t i = 0; i < some; i++) {
		if (packets[i * step] > INT32_MAX || bytes[i * step] > INT64_MAX)
			return 0;
		p[i] = left[i] = (int64_t)packets[i * step];
		b[i] = (int64_t)bytes[i * step];
	}
	uint64_t all = bits_of(left, some), least = all / 2;
	*plain = all * n / some / 8;
	int64_t middle = slope(p, b, some);
	for (int64_t d = middle - 2; d <= middle + 2; d++) {
		uint64_t bits = d < 2 || d > MOST_DIVISOR ? UINT64_MAX : bits_left(p, b, some, d);
		if (bits < least) {
			least = bits;
			best = d;
		}
	}
	return (unsigned)best;
}
