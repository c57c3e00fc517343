/*
 * files.c - the interface's files: what the folder `webroot` holds, and nothing else.
 *
 * A path has no dot segments when it comes here (http_parse.h).  What has an extension that is not in the table below, or a
 * segment that begins with a dot, is not there.  A path without an extension is one of the interface's own screens, so it is
 * answered with index.html; in that file __NONCE__ becomes a word that styles may be allowed by, new each time.
 * Names below /assets/ change with their content, so browsers may keep them for ever; the icon, which they ask for each time
 * the address changes, for an hour.  FILE.br and FILE.gz are sent instead of
 * FILE to who takes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web/webd/web.h"

enum { FILE_PATH = 1600, PAGE_MOST = 1 << 20 };

static const struct {
	const char *extension, *type;
} types[] = {{"html", "text/html; charset=utf-8"}, {"js", "text/javascript; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"}, {"css", "text/css; charset=utf-8"},
	{"json", "application/json"}, {"svg", "image/svg+xml"}, {"png", "image/png"}, {"ico", "image/x-icon"},
	{"webp", "image/webp"}, {"woff2", "font/woff2"}, {"woff", "font/woff"},
	{"webmanifest", "application/manifest+json"}, {"txt", "text/plain; charset=utf-8"},
	{"wasm", "application/wasm"}, {"map", "application/json"}};

static const char *
type_of(const char *path)
{
	const char *dot = strrchr(path, '.');
	for (unsigned i = 0; dot && i < sizeof types / sizeof types[0]; i++)
		if (strcmp(dot + 1, types[i].extension) == 0)
			return types[i].type;
	return NULL;
}

/* -1: no regular file */
static int
open_file(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode)))
		return fd;
	close(fd);
	return -1;
}

static void
not_there(struct http_call *call)
{
	web_error(call, 404, "not_found", "there is no such file");
}

void
files_send(struct http_call *call, const char *path, const char *type)
{
	struct stat st;
	int fd = open_file(path, &st);
	if (fd < 0)
		web_error(call, 404, "not_found", "%s is not installed", path);
	else
		http_reply_file(call, 200, type, fd, (size_t)st.st_size);
}

static void
make_nonce(struct http_call *call)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char bytes[(HTTP_NONCE - 1) / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return; /* then no style is allowed by one */
	for (unsigned i = 0; i < sizeof bytes; i++) {
		call->nonce[2 * i] = digit[bytes[i] >> 4];
		call->nonce[2 * i + 1] = digit[bytes[i] & 15];
	}
	call->nonce[2 * sizeof bytes] = 0;
}

static void
no_interface(const struct web *w, struct http_call *call)
{
	char text[1000];
	int n = snprintf(text, sizeof text,
		"The web interface is not installed: %s has no index.html.\n\n"
		"It is built by `make` where npm is there (make deps installs it), or set webroot in section "
		"<web>.\n"
		"The API is here all the same: /api/v1/openapi.yaml describes it.\n",
		w->webroot);
	http_reply(call, 503, "text/plain; charset=utf-8", text,
		(size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* index.html with a fresh nonce in each of its placeholders */
static void
send_page(struct web *w, struct http_call *call)
{
	static const char mark[] = "__NONCE__";
	char path[FILE_PATH];
	struct stat st;
	snprintf(path, sizeof path, "%s/index.html", w->webroot);
	int fd = open_file(path, &st);
	char *page = fd >= 0 && st.st_size < PAGE_MOST ? malloc((size_t)st.st_size + 1) : NULL;
	ssize_t n = page ? read(fd, page, (size_t)st.st_size) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0) {
		free(page);
		no_interface(w, call);
		return;
	}
	page[n] = 0;
	make_nonce(call);
	size_t room = (size_t)n + 64 * HTTP_NONCE, used = 0;
	char *out = malloc(room + 1);
	const char *from = page, *at;
	while (out && (at = strstr(from, mark)) != NULL &&
		used + (size_t)(page + n - from) + HTTP_NONCE < room) {
		memcpy(out + used, from, (size_t)(at - from));
		used += (size_t)(at - from);
		memcpy(out + used, call->nonce, strlen(call->nonce));
		used += strlen(call->nonce);
		from = at + sizeof mark - 1;
	}
	if (out) {
		memcpy(out + used, from, (size_t)(page + n - from));
		used += (size_t)(page + n - from);
		http_reply(call, 200, "text/html; charset=utf-8", out, used);
	} else
		web_error(call, 500, "internal", "out of memory");
	free(out);
	free(page);
}

static void
send_file(struct web *w, struct http_call *call, const char *type)
{
	static const struct {
		const char *coding, *suffix;
	} coded[] = {{"br", ".br"}, {"gzip", ".gz"}, {NULL, ""}};
	const char *accepts = http_header(&call->head, "accept-encoding"),
		   *known = http_header(&call->head, "if-none-match");
	char path[FILE_PATH], tag[80];
	struct stat st;
	const char *coding = NULL, *suffix = "";
	int fd = -1;
	for (unsigned i = 0; i < 3 && fd < 0; i++) {
		if (coded[i].coding && !http_accepts(accepts, coded[i].coding))
			continue;
		snprintf(path, sizeof path, "%s%s%s", w->webroot, call->head.path, coded[i].suffix);
		fd = open_file(path, &st);
		coding = coded[i].coding;
		suffix = coded[i].suffix;
	}
	if (fd < 0) {
		not_there(call);
		return;
	}
	snprintf(tag, sizeof tag, "\"%llx-%llx%s\"", (unsigned long long)st.st_size,
		(unsigned long long)st.st_mtim.tv_sec * 1000000000 + (unsigned long long)st.st_mtim.tv_nsec,
		suffix);
	http_add(call, "Cache-Control", "%s",
		strncmp(call->head.path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable"
		: strncmp(type, "image/", 6) == 0            ? "public, max-age=3600"
							     : "no-cache");
	http_add(call, "ETag", "%s", tag);
	http_add(call, "Vary", "Accept-Encoding");
	if (known && strcmp(known, tag) == 0) {
		close(fd);
		http_reply(call, 304, NULL, NULL, 0);
		return;
	}
	if (coding)
		http_add(call, "Content-Encoding", "%s", coding);
	http_reply_file(call, 200, type, fd, (size_t)st.st_size);
}

void
files_serve(struct web *w, struct http_call *call)
{
	const char *path = call->head.path, *last = strrchr(path, '/');
	if (strcmp(call->head.method, "GET") != 0 && strcmp(call->head.method, "HEAD") != 0) {
		http_add(call, "Allow", "GET, HEAD");
		web_error(call, 405, "bad_request", "files are read, nothing else");
		return;
	}
	if (strstr(path, "/.") != NULL)
		not_there(call);
	else if (strcmp(path, "/index.html") == 0 ||
		 (strchr(last, '.') == NULL && strncmp(path, "/assets/", 8) != 0))
		send_page(w, call);
	else if (type_of(path) == NULL)
		not_there(call);
	else
		send_file(w, call, type_of(path));
}
