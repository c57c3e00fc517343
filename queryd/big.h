/*
 * big.h - large arrays of running queries, kept for the next one.
 *
 * A ranking of two million slices needs some 20 MB for a few dozen milliseconds.  From the kernel each page of that costs
 * a fault, and more time than what is done with it; so what a query gives back is kept, up to BIG_KEPT bytes a process.
 * Arrays of a megabyte or more lie in huge pages where the kernel has some: tables are read all over, and with small
 * pages each access would walk the page tables as well.  Any thread may call.
 */
#ifndef FT_QUERYD_BIG_H
#define FT_QUERYD_BIG_H

#include <stdbool.h>
#include <stddef.h>

enum { BIG_LEAST = 256 << 10, BIG_KEPT = 96 << 20 };

/* `bytes` of at least BIG_LEAST; zero: all 0.  NULL: no memory */
void *big_get(size_t bytes, bool zero);
/* bytes as asked for */
void big_put(void *p, size_t bytes);

#endif
