/*
 * geo.c - see geo.h.
 */
#include "common/geo.h"

#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/addr.h"

struct file {
	char path[512];
	MMDB_s db;
	bool open;
	struct stat st;
};
struct geo {
	struct file country, as;
};

static int
file_open(struct file *f, const char *path, const char *what, struct err *err)
{
	if (path[0] == '\0')
		return FT_OK;
	if (strlen(path) >= sizeof f->path)
		return err_set(err, FT_EINVAL, "%s %s: the path is too long", what, path);
	memcpy(f->path, path, strlen(path) + 1);
	if (stat(path, &f->st) != 0)
		return err_sys(err, "%s %s can't be read", what, path);
	int rc = MMDB_open(path, MMDB_MODE_MMAP, &f->db);
	if (rc != MMDB_SUCCESS)
		return err_set(err, FT_EFORMAT, "%s %s is no MMDB file: %s", what, path, MMDB_strerror(rc));
	f->open = true;
	return FT_OK;
}

int
geo_open(struct geo **out, const char *country_file, const char *as_file, struct err *err)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int a = file_open(&(*out)->country, country_file, "ip2cfile", err);
	int b = file_open(&(*out)->as, as_file, "ip2asnfile", a == FT_OK ? err : NULL);
	return a != FT_OK ? a : b;
}

void
geo_close(struct geo *g)
{
	if (g == NULL)
		return;
	if (g->country.open)
		MMDB_close(&g->country.db);
	if (g->as.open)
		MMDB_close(&g->as.db);
	free(g);
}

static bool
file_stale(const struct file *f)
{
	struct stat st;
	if (f->path[0] == '\0' || stat(f->path, &st) != 0)
		return false; /* being replaced, or gone: what is mapped goes on serving */
	return st.st_ino != f->st.st_ino || st.st_size != f->st.st_size ||
	       st.st_mtim.tv_sec != f->st.st_mtim.tv_sec || st.st_mtim.tv_nsec != f->st.st_mtim.tv_nsec;
}

bool
geo_stale(const struct geo *g)
{
	return file_stale(&g->country) || file_stale(&g->as);
}

static bool
find(const struct file *f, const uint8_t address[16], MMDB_lookup_result_s *out)
{
	int rc;
	if (!f->open)
		return false;
	if (addr_is_v4(address)) {
		struct sockaddr_in a = {.sin_family = AF_INET};
		memcpy(&a.sin_addr, address + 12, 4);
		*out = MMDB_lookup_sockaddr(&f->db, (struct sockaddr *)&a, &rc);
	} else {
		struct sockaddr_in6 a = {.sin6_family = AF_INET6};
		memcpy(&a.sin6_addr, address, 16);
		*out = MMDB_lookup_sockaddr(&f->db, (struct sockaddr *)&a, &rc);
	}
	return rc == MMDB_SUCCESS && out->found_entry;
}

static bool
value(MMDB_entry_s *e, MMDB_entry_data_s *d, const char *const *path)
{
	return MMDB_aget_value(e, d, path) == MMDB_SUCCESS && d->has_data;
}

static uint16_t
country_of(MMDB_entry_s *e)
{
	static const char *const paths[][3] = {{"country", "iso_code", NULL},
		{"registered_country", "iso_code", NULL}, {"country_code", NULL, NULL},
		{"country", NULL, NULL}};
	for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		MMDB_entry_data_s d;
		if (value(e, &d, paths[i]) && d.type == MMDB_DATA_TYPE_UTF8_STRING && d.data_size == 2)
			return (uint16_t)((uint8_t)d.utf8_string[0] << 8 | (uint8_t)d.utf8_string[1]);
	}
	return 0;
}

static uint32_t
as_of(MMDB_entry_s *e)
{
	static const char *const paths[][2] = {{"autonomous_system_number", NULL}, {"asn", NULL}};
	for (unsigned i = 0; i < 2; i++) {
		MMDB_entry_data_s d;
		if (!value(e, &d, paths[i]))
			continue;
		if (d.type == MMDB_DATA_TYPE_UINT32)
			return d.uint32;
		if (d.type == MMDB_DATA_TYPE_UINT16)
			return d.uint16;
		if (d.type == MMDB_DATA_TYPE_UTF8_STRING && d.data_size > 0 &&
			d.data_size < 16) { /* "AS64500" */
			char text[16] = {0};
			memcpy(text, d.utf8_string, d.data_size);
			return (uint32_t)strtoul(text + (strncmp(text, "AS", 2) == 0 ? 2 : 0), NULL, 10);
		}
	}
	return 0;
}

void
geo_lookup(const struct geo *g, const uint8_t address[16], struct geo_place *out)
{
	MMDB_lookup_result_s r;
	*out = (struct geo_place){.net_bits = 255};
	if (find(&g->country, address, &r))
		out->country = country_of(&r.entry);
	if (find(&g->as, address, &r)) {
		out->as = as_of(&r.entry);
		/* the length counts from the top of the file's tree, which holds IPv4 under ::/96 */
		unsigned bits = r.netmask;
		if (addr_is_v4(address) && bits <= 32)
			bits += 96;
		if (bits <= 128)
			out->net_bits = (uint8_t)bits;
	}
}

/* ---- all AS ----------------------------------------------------------------------------------- */

struct walk {
	const struct file *file;
	uint8_t *seen; /* a bit a node: trees hold IPv4 under several names */
	uint32_t *stack;
	uint32_t n, nodes;
	void (*f)(void *ctx, uint32_t as, const char *name, size_t bytes);
	void *ctx;
};

static void
one_as(const struct walk *w, MMDB_entry_s *e)
{
	static const char *const paths[][2] = {
		{"autonomous_system_organization", NULL}, {"as_name", NULL}, {"name", NULL}};
	uint32_t as = as_of(e);
	for (unsigned i = 0; as != 0 && i < sizeof paths / sizeof paths[0]; i++) {
		MMDB_entry_data_s d;
		if (value(e, &d, paths[i]) && d.type == MMDB_DATA_TYPE_UTF8_STRING && d.data_size > 0) {
			w->f(w->ctx, as, d.utf8_string, d.data_size);
			return;
		}
	}
}

static void
branch(struct walk *w, uint8_t type, uint64_t record, MMDB_entry_s *e)
{
	if (type == MMDB_RECORD_TYPE_DATA)
		one_as(w, e);
	else if (type == MMDB_RECORD_TYPE_SEARCH_NODE && record < w->nodes &&
		 !(w->seen[record / 8] >> (record % 8) & 1)) {
		w->seen[record / 8] |= (uint8_t)(1u << (record % 8));
		w->stack[w->n++] = (uint32_t)record; /* each node once: there is room for all */
	}
}

void
geo_each_as(const struct geo *g, void (*f)(void *ctx, uint32_t as, const char *name, size_t bytes), void *ctx)
{
	if (g == NULL || !g->as.open)
		return;
	struct walk w = {.file = &g->as, .f = f, .ctx = ctx, .nodes = g->as.db.metadata.node_count};
	w.seen = calloc(w.nodes / 8 + 1, 1);
	w.stack = malloc(((size_t)w.nodes + 1) * sizeof *w.stack);
	if (w.seen && w.stack && w.nodes > 0) {
		w.seen[0] = 1;
		w.stack[w.n++] = 0;
	}
	while (w.n > 0) {
		MMDB_search_node_s node;
		if (MMDB_read_node(&g->as.db, w.stack[--w.n], &node) != MMDB_SUCCESS)
			continue;
		branch(&w, node.left_record_type, node.left_record, &node.left_record_entry);
		branch(&w, node.right_record_type, node.right_record, &node.right_record_entry);
	}
	free(w.seen);
	free(w.stack);
}
