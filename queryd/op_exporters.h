/* op_exporters.h - what else needs to know which exporters a user may know of. */
#ifndef FT_QUERYD_OP_EXPORTERS_H
#define FT_QUERYD_OP_EXPORTERS_H

#include "queryd/request.h"

/* an array as exporters.list has it, new; NULL: ft-ingest does not answer.  The request is not answered. */
json_t *op_exporters_known(struct request *r);

#endif
