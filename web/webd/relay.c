/* relay.c - see relay.h. */
#include "web/webd/relay.h"

#include <stdlib.h>
#include <string.h>

struct relay {
	struct web *w;
	struct http_call *call;
	struct question *question;
	const struct relay_form *form;
	bool begun, full;
	unsigned state;
};

static void
on_gone(struct http_call *call)
{
	struct relay *r = call->user;
	if (r->question)
		upstream_cancel(r->question);
	free(r);
}

static void
on_room(struct http_call *call)
{
	struct relay *r = call->user;
	if (r->full && r->question) {
		r->full = false;
		upstream_resume(r->question);
	}
}

void
relay_write(struct relay *r, const void *bytes, size_t n)
{
	if (!r->begun) {
		r->begun = true;
		http_begin(r->call, 200, r->form->type);
	}
	if (http_write(r->call, bytes, n) > HTTP_FULL)
		r->full = true;
}

void
relay_line(struct relay *r, json_t *object)
{
	char *text = json_dumps(object, WEB_JSON);
	json_decref(object);
	if (text) {
		size_t n = strlen(text);
		text[n++] = '\n';
		relay_write(r, text, n);
	}
	free(text);
}

unsigned *
relay_state(struct relay *r)
{
	return &r->state;
}

static void
finish(struct relay *r, const json_t *reply)
{
	struct http_call *call = r->call;
	bool good = json_is_true(json_object_get(reply, "ok"));
	r->question = NULL;
	if (good && r->form->last)
		r->form->last(r, reply);
	if (!good && r->begun && r->form->failed)
		r->form->failed(r, reply);
	bool begun = r->begun, broken = !good && r->form->failed == NULL;
	call->user = NULL;
	call->on_gone = NULL;
	call->on_room = NULL;
	if (good && !begun)
		relay_write(r, "", 0); /* an empty answer is one too */
	free(r);
	if (!good && !begun)
		web_relay_error(call, reply);
	else if (broken)
		http_abort(call);
	else
		http_end(call);
}

static void
on_reply(void *ctx, const json_t *body, const void *payload, size_t n, bool more)
{
	struct relay *r = ctx;
	const json_t *progress = json_object_get(body, "progress");
	if (payload && n && r->form->rows)
		r->form->rows(r, payload, n);
	if (progress && r->form->progressed)
		r->form->progressed(r, progress);
	if (!more)
		finish(r, body);
	else if (r->full)
		upstream_pause(r->question);
}

void
relay_start(struct web *w, struct http_call *call, json_t *request, const struct relay_form *form)
{
	struct relay *r = calloc(1, sizeof *r);
	if (r == NULL) {
		json_decref(request);
		web_error(call, 500, "internal", "out of memory");
		return;
	}
	r->w = w;
	r->call = call;
	r->form = form;
	call->user = r;
	call->on_gone = on_gone;
	call->on_room = on_room;
	json_object_set_new(request, "on_behalf_of", json_string(call->client));
	if (form->progress)
		json_object_set_new(request, "progress", json_true());
	r->question = upstream_ask(w->up, request, on_reply, r);
	if (r->question == NULL) {
		call->on_gone = NULL;
		call->on_room = NULL;
		free(r);
		web_error(call, 500, "internal", "out of memory");
	}
}
