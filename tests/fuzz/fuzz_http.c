/*
 * Any bytes as the head of an HTTP request, as its query string and form: refused with a status, or a request whose path leads
 * nowhere but down, whose header lines can't be mistaken for each other, and whose parameters are UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "web/webd/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(const char *path)
{
	CHECK(path[0] == '/' && strstr(path, "//") == NULL && strstr(path, "/../") == NULL &&
		strchr(path, '\\') == NULL);
	size_t n = strlen(path);
	CHECK(n < HTTP_PATH && http_utf8(path, n) && (n < 3 || strcmp(path + n - 3, "/..") != 0));
	for (; *path; path++)
		CHECK((unsigned char)*path >= 0x20);
}

static void
check_params(const char *text, size_t n)
{
	static struct http_params p;
	char *copy = malloc(n + 1);
	memcpy(copy, text, n);
	copy[n] = 0;
	p.n = 0;
	int status = http_params(copy, &p);
	CHECK(status == 0 || status == 400);
	for (unsigned i = 0; status == 0 && i < p.n; i++)
		CHECK(http_utf8(p.param[i].name, strlen(p.param[i].name)) && http_param(&p, p.param[i].name));
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head h;
	size_t n = http_head_bytes((const char *)data, size);
	CHECK(n <= size);
	check_params((const char *)data, size);
	if (n == 0)
		return 0;
	char *bytes = malloc(n + 1), cookie[40];
	memcpy(bytes, data, n);
	int status = http_parse(bytes, n, &h);
	if (status != 0)
		CHECK(status >= 400 && status < 600);
	else {
		check_path(h.path);
		CHECK(h.length >= 0 && h.headers <= HTTP_HEADERS && h.method[0] != 0);
		if (http_cookie(&h, "flowtrove", cookie, sizeof cookie))
			CHECK(strlen(cookie) < sizeof cookie && strchr(cookie, ';') == NULL);
		(void)http_accepts(http_header(&h, "accept"), "text/csv");
		(void)http_accepts(http_header(&h, "accept-encoding"), "br");
		check_params(h.query, strlen(h.query));
	}
	free(bytes);
	return 0;
}
