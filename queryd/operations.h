/* operations.h - the functions behind operations.def: each answers its request. */
#ifndef FT_QUERYD_OPERATIONS_H
#define FT_QUERYD_OPERATIONS_H

struct request;

#define OP(function, name, kind, right, help) void op_##function(struct request *r);
#include "queryd/operations.def"

#endif
