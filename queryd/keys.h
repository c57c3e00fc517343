/*
 * keys.h - entities of a view: from codes and columns of a block to ids that hold for the whole query, and
 * from ids to text.
 *
 * An id is dense and belongs to one `struct keys`: a thread has its own, `keys_merge` brings them together.
 * Entities are made in up to three steps, each a table: `wide` (addresses, netblocks, GUIDs), `narrow`
 * (numbers, or a wide id with a number), `comb` (two ids).  The last table an element uses gives its ids.
 */
#ifndef FT_QUERYD_KEYS_H
#define FT_QUERYD_KEYS_H

#include <pthread.h>

#include "queryd/query.h"
#include "queryd/wide.h"

enum view_class { VIEW_TWO, VIEW_PAIR, VIEW_ONE, VIEW_FLOW };
enum element {
	EL_IP,
	EL_NETBLOCK,
	EL_EXPORTER,
	EL_GUID,
	EL_WIDE_LAST = EL_GUID, /* up to here ids are of `wide`, from here on of `narrow` … */
	EL_COUNTRY,
	EL_ASN,
	EL_GROUP,
	EL_MAC,
	EL_IF,
	EL_VLAN,
	EL_EXPIF,
	EL_PORTPROTO,
	EL_PROTO,
	EL_APP,
	EL_SRCPORT,
	EL_DSTPORT,
	EL_QOS,
	EL_TCPFLAGS,
	EL_SERVICE,
	EL_CLIENTSERVICE, /* … but this one's, and pairs', are of `comb` */
};

enum view_entity {
#define VIEW(name, ...) VIEW_##name,
#include "queryd/views.def"
#undef VIEW
	VIEW_ENTITIES
};
struct view_info {
	const char *name, *help;
	enum view_class class;
	enum element element;
	bool changes;
	int field; /* enum filter_field, -1 none */
};
const struct view_info *view_info(enum view_entity e);
/* by name, any case; NULL: none */
const struct view_info *view_find(const char *name);
const char *view_alias(unsigned i, const struct view_info **view);

/* Strings of groups and applications, shared by a query's threads: id of a text. */
struct texts {
	pthread_mutex_t lock;
	struct budget *budget;
	char **text;
	uint32_t *slot; /* id + 1 */
	uint32_t n, room;
	uint64_t slots;
};
void texts_init(struct texts *t, struct budget *b);
void texts_free(struct texts *t);
uint32_t texts_intern(struct texts *t, const char *s, size_t n);

struct keys {
	const struct view_info *view;
	struct texts *texts;
	struct tabwide own,
		*shared; /* `wide`: its own, unless its ids are those of a table of several threads */
	struct tab64 narrow, comb;
};
enum { KEYMAP_DIRECT = 4096 };
/* Codes of the current block to ids, found when first met: one a thread and `struct keys`. */
struct keymap {
	uint32_t *map;
	uint32_t room, n;
	bool blank, filled;               /* map is UNSET where not asked yet; all of it was asked */
	uint32_t direct[KEYMAP_DIRECT];   /* ids of small numbers, for the whole query */
	/* ids by protocol and port: tables of the commonest protocols, made when first needed; others' is `port_unset` alone,
	 * to which a mask of 0 leads */
	bool by_port_made;
	uint32_t *by_port[256], port_mask[256], port_unset;
	struct tab64 app, port;           /* applications by number, by port and protocol … */
	uint32_t *app_id, *port_id;       /* … to ids */
	uint32_t app_room, port_room;
};

void keys_init(struct keys *k, const struct view_info *view, struct texts *texts, struct budget *b);
static inline struct tabwide *
keys_wide(const struct keys *k)
{
	return k->shared != NULL ? k->shared : (struct tabwide *)(uintptr_t)&k->own;
}
void keys_free(struct keys *k);
void keymap_init(struct keymap *m, struct budget *b);
void keymap_free(struct keymap *m, struct budget *b);
int keymap_block(struct keymap *m, const struct keys *k, struct block_view *v, struct budget *b);

/* above every id; with a table of several threads not each id below it is one */
uint32_t keys_bound(const struct keys *k);
uint32_t keys_count(const struct keys *k);

/* Ids of the batch's selected rows.  TWO: x the client's side, y the server's.  FLOW: x client to server, y back;
 * ID_NONE where there was no flow.  ONE: x.  PAIR: x the pair, and in y the element id of the client's side.
 * make false: keys are only looked up. */
int keys_batch(struct keys *k, bool make, struct keymap *m, struct worker *w, uint32_t *x, uint32_t *y);
/* What would be interned for a pair: key[j] for `comb`, ID64_NONE if no side is known; x as room */
int keys_pairs(struct keys *k, struct keymap *m, struct worker *w, uint64_t *key, uint32_t *x);
/* Id of one code of the current block, for entities that are a dictionary's.  ID_NONE: not there, no memory, or
 * w->batch.rc */
uint32_t keys_of_code(struct keys *k, bool make, struct keymap *m, struct worker *w, uint32_t code);
/* remap[i] of `from` is its id in `to`; room for keys_bound(from) */
int keys_merge(struct keys *to, const struct keys *from, uint32_t *remap);

/* Only some keys of `from`, in this order: id i of `to` is ids[i].  FT_ENOENT: these can't be told from others in a
 * part of the table; use the whole. */
int keys_subset(struct keys *to, const struct keys *from, const uint32_t *ids, uint32_t n);

enum { KEY_TEXT = 600 };
/* parts of a key: 2 for pairs and CLIENTSERVICE, else 1 */
unsigned keys_parts(const struct keys *k);
/* part 0 or 1 of an id's text, pairs sorted as text; *first: element id of part 0 (pairs) */
void keys_text(const struct keys *k, uint32_t id, char part[2][KEY_TEXT], uint32_t *first);
/* by text */
int keys_compare(const struct keys *k, uint32_t a, uint32_t b);
/* a name for people, or NULL */
const char *keys_label(const struct keys *k, uint32_t id, const struct query *q, char buffer[KEY_TEXT]);
/* bytes of an element for restrict.c */
bool keys_element_has(const struct keys *k, uint32_t element, const struct test *t, const struct query *q);
/* element ids of an id: 1 or, for pairs, 2 */
unsigned keys_elements(const struct keys *k, uint32_t id, uint32_t out[2]);

#endif
