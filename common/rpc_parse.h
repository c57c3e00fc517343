/*
 * rpc_parse.h - a request frame becomes a JSON object, or an error in words; a pure function, fuzzed.
 */
#ifndef FT_RPC_PARSE_H
#define FT_RPC_PARSE_H

#include <jansson.h>
#include <stddef.h>

struct rpc_limits {
	size_t frame;	 /* bytes */
	unsigned depth;	 /* nesting of arrays and objects */
	size_t string;	 /* bytes of one string, as written */
};

struct rpc_refusal {
	const char *code; /* a word of contract/rpc.h */
	char at[64];	  /* JSON pointer, or "byte N" */
	char message[200];
};

/* A new object with "op" (string) and, if present, "id" (string or number) and "v" == 1; or NULL and *why.  Where
 * the frame holds an id it is in *id (new reference) even on refusal, so that the error reaches the right request. */
json_t *rpc_parse(const void *frame, size_t n, const struct rpc_limits *limits, json_t **id, struct rpc_refusal *why);

#endif
