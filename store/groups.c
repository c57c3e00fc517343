/*
 * groups.c - see groups.h.  A binary trie over address bits: at most 128 steps, and an answer is remembered by
 * the cache in front (tags.c).
 */
#include "store/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/crash.h"

struct node {
	uint32_t child[2]; /* 0: none */
	uint32_t name;     /* + 1; 0: no block ends here */
};
struct groups {
	struct node *node;
	uint32_t nodes, node_room;
	char **name;
	uint32_t names;
	json_t *list;
};

void
groups_free(struct groups *g)
{
	if (g == NULL)
		return;
	for (uint32_t i = 0; i < g->names; i++)
		free(g->name[i]);
	free(g->name);
	free(g->node);
	json_decref(g->list);
	free(g);
}

static uint32_t
new_node(struct groups *g)
{
	if (g->nodes == g->node_room) {
		uint32_t room = g->node_room * 2 + 256;
		struct node *n = realloc(g->node, room * sizeof *n);
		if (n == NULL)
			return 0;
		g->node = n;
		g->node_room = room;
	}
	g->node[g->nodes] = (struct node){{0, 0}, 0};
	return g->nodes++;
}

static int
insert(struct groups *g, const uint8_t net[16], unsigned bits, uint32_t name)
{
	uint32_t at = 0;
	for (unsigned i = 0; i < bits; i++) {
		unsigned bit = net[i / 8] >> (7 - i % 8) & 1;
		uint32_t next = g->node[at].child[bit];
		if (next == 0) {
			next = new_node(g);
			if (next == 0)
				return FT_ENOMEM;
			g->node[at].child[bit] = next;
		}
		at = next;
	}
	if (g->node[at].name != 0 && g->node[at].name != name + 1)
		return FT_EXIST;
	g->node[at].name = name + 1;
	return FT_OK;
}

static bool
good_name(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > GROUP_NAME || s[0] == '/' || s[n - 1] == '/' || strstr(s, "//") != NULL)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == '"' || *s == 0x7f)
			return false;
	return true;
}

static int
add_group(struct groups *g, const json_t *entry, struct err *err)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	const json_t *blocks = json_object_get(entry, "blocks");
	size_t i;
	json_t *b;
	if (name == NULL || !good_name(name))
		return err_set(err, FT_EINVAL,
			"a group needs a \"name\" of 1 to %d characters, without quotes, such as "
			"\"Offices/Berlin\"",
			GROUP_NAME);
	if (!json_is_array(blocks))
		return err_set(
			err, FT_EINVAL, "group %s: \"blocks\" must be a list such as [\"10.0.0.0/8\"]", name);
	g->name[g->names] = strdup(name);
	if (g->name[g->names] == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	g->names++;
	json_array_foreach (blocks, i, b) {
		uint8_t net[16];
		unsigned bits;
		const char *text = json_string_value(b);
		if (text == NULL || addr_parse_prefix(text, net, &bits) != FT_OK)
			return err_set(err, FT_EINVAL,
				"group %s: block %zu is no address block such as 10.0.0.0/8", name, i + 1);
		int rc = insert(g, net, bits, g->names - 1);
		if (rc == FT_EXIST)
			return err_set(err, FT_EINVAL, "group %s: block %s belongs to another group already",
				name, text);
		if (rc != FT_OK)
			return err_set(err, rc, "out of memory");
		if (g->nodes > GROUP_BLOCKS * 32u)
			return err_set(err, FT_EFULL, "too many address blocks");
	}
	return FT_OK;
}

int
groups_parse(struct groups **out, const json_t *list, size_t *at, struct err *err)
{
	*at = 0;
	size_t i;
	json_t *entry;
	*out = NULL;
	if (!json_is_array(list))
		return err_set(err, FT_EINVAL, "groups must be a list of {\"name\": …, \"blocks\": […]}");
	struct groups *g = calloc(1, sizeof *g);
	if (g == NULL || (g->name = calloc(json_array_size(list) + 1, sizeof *g->name)) == NULL) {
		free(g);
		return err_set(err, FT_ENOMEM, "out of memory");
	}
	(void)new_node(g); /* the root is node 0 */
	int rc = g->nodes ? FT_OK : err_set(err, FT_ENOMEM, "out of memory");
	json_array_foreach (list, i, entry) {
		if (rc == FT_OK) {
			rc = add_group(g, entry, err);
			*at = i;
		}
	}
	if (rc != FT_OK) {
		groups_free(g);
		return rc;
	}
	g->list = json_deep_copy(list);
	*out = g;
	return FT_OK;
}

static int
file_path(char *out, size_t n, const char *database, const char *suffix, struct err *err)
{
	int len = snprintf(out, n, "%s/groups%s", database, suffix);
	return len > 0 && (size_t)len < n ? FT_OK
					  : err_set(err, FT_EINVAL, "%s: the path is too long", database);
}

int
groups_load(struct groups **out, const char *database, struct err *err)
{
	char path[600];
	json_error_t e;
	size_t at;
	*out = NULL;
	int rc = file_path(path, sizeof path, database, "", err);
	if (rc != FT_OK || access(path, F_OK) != 0)
		return rc;
	json_t *list = json_load_file(path, 0, &e);
	if (list == NULL)
		return err_set(
			err, FT_EFORMAT, "%s:%d: %s (traffic groups are not applied)", path, e.line, e.text);
	rc = groups_parse(out, list, &at, err);
	json_decref(list);
	return rc;
}

int
groups_save(const char *database, const json_t *list, struct err *err)
{
	char path[600], temp[600];
	int rc = file_path(path, sizeof path, database, "", err);
	if (rc == FT_OK)
		rc = file_path(temp, sizeof temp, database, ".new", err);
	if (rc != FT_OK)
		return rc;
	char *text = json_dumps(list, JSON_INDENT(1));
	if (text == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	size_t n = strlen(text);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n || fsync(fd) != 0)
		rc = err_sys(err, "%s can't be written", temp);
	free(text);
	if (fd >= 0)
		close(fd);
	crash_point("groups: before rename");
	if (rc == FT_OK && rename(temp, path) != 0)
		rc = err_sys(err, "%s can't be put in place", path);
	crash_point("groups: after rename");
	int dir = open(database, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		(void)fsync(dir);
		close(dir);
	}
	return rc;
}

json_t *
groups_json(const struct groups *g)
{
	return g ? json_deep_copy(g->list) : json_array();
}

const char *
groups_find(const struct groups *g, const uint8_t address[16])
{
	uint32_t at = 0, name = g->node[0].name;
	for (unsigned i = 0; i < 128; i++) {
		at = g->node[at].child[address[i / 8] >> (7 - i % 8) & 1];
		if (at == 0)
			break;
		if (g->node[at].name != 0)
			name = g->node[at].name;
	}
	return name ? g->name[name - 1] : NULL;
}
