/*
 * relay.h - one question whose answer may be long, on its way to a browser: progress and rows go out as they come, as fast
 * as the browser takes them and no faster; a browser that goes away cancels the question.
 *
 * What the answer looks like is a struct relay_form.  The head of the answer is held back until the first reply that is
 * worth something, so that an error still gets its status.  After that an error can only be said by the form (NDJSON), or
 * the connection breaks.
 */
#ifndef FT_WEBD_RELAY_H
#define FT_WEBD_RELAY_H

#include "web/webd/web.h"

struct relay;

struct relay_form {
	const char *type; /* Content-Type */
	bool progress;    /* progress replies are wanted */
	/* Each writes with relay_write; `begun` has said the head already then.  NULL: nothing to say. */
	void (*rows)(struct relay *r, const char *bytes, size_t n); /* a payload: whole lines */
	void (*progressed)(struct relay *r, const json_t *progress);
	void (*last)(struct relay *r, const json_t *reply);   /* the good end */
	void (*failed)(struct relay *r, const json_t *reply); /* NULL: the connection breaks */
};

/* request: stolen, without on_behalf_of */
void relay_start(struct web *w, struct http_call *call, json_t *request, const struct relay_form *form);
void relay_write(struct relay *r, const void *bytes, size_t n);
void relay_line(struct relay *r, json_t *object); /* stolen; as one line */
/* of the form: zero at first */
unsigned *relay_state(struct relay *r);

#endif
