/* blockseal.h - blocks of blockgen.h sealed as store seals them, so that a test reads every encoding there is. */
#ifndef FT_TESTS_BLOCKSEAL_H
#define FT_TESTS_BLOCKSEAL_H

#include "tests/unit/blockgen.h"

/* from now on views of the block are of its sealed form */
void blockseal(struct blockgen *g);

#endif
