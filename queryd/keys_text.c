/* keys_text.c - ids of entities as people and JSON see them; docs/query.md lists the forms. */
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/guid.h"
#include "common/names.h"
#include "queryd/keys.h"

unsigned
keys_parts(const struct keys *k)
{
	return k->view->class == VIEW_PAIR || k->view->element == EL_CLIENTSERVICE ? 2 : 1;
}

static void
port_proto(char *out, size_t n, unsigned port, unsigned proto)
{
	const char *word = names_word(NAMES_PROTOCOL, proto);
	if (word != NULL)
		snprintf(out, n, "%u/%s", port, word);
	else
		snprintf(out, n, "%u/%u", port, proto);
}

static void
service(const struct keys *k, uint64_t key, char *out)
{
	const uint8_t *address = tabwide_key(keys_wide(k), (uint32_t)(key >> 24))->bytes;
	char text[ADDR_TEXT], port[32];
	addr_text(address, text);
	port_proto(port, sizeof port, (unsigned)(key >> 8 & 0xffff), (unsigned)(key & 255));
	snprintf(out, KEY_TEXT, addr_is_v4(address) ? "%s:%s" : "[%s]:%s", text, port);
}

static void
wide_text(const struct keys *k, uint32_t id, char *out)
{
	const struct wide_key *key = tabwide_key(keys_wide(k), id);
	const uint8_t *b = key->bytes;
	char text[ADDR_TEXT];
	if (k->view->element == EL_GUID) {
		guid_text(b, out);
		return;
	}
	if (k->view->element == EL_NETBLOCK)
		addr_prefix_text(b, key->extra, text);
	else
		addr_text(b, text);
	snprintf(out, KEY_TEXT, "%s", text);
}

static void
element_text(const struct keys *k, uint32_t id, char *out)
{
	char text[ADDR_TEXT];
	if (id == ID_NONE) {
		snprintf(out, KEY_TEXT, "-");
		return;
	}
	if (k->view->element <= EL_WIDE_LAST) {
		wide_text(k, id, out);
		return;
	}
	uint64_t v = k->narrow.key[id];
	switch (k->view->element) {
	case EL_COUNTRY:
		if (v == 0)
			snprintf(out, KEY_TEXT, "??");
		else
			snprintf(out, KEY_TEXT, "%c%c", (int)(v >> 8 & 255), (int)(v & 255));
		break;
	case EL_GROUP:
	case EL_APP:
		snprintf(out, KEY_TEXT, "%s", k->texts->text[v]);
		break;
	case EL_MAC:
		snprintf(out, KEY_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(v >> 40 & 255),
			(unsigned)(v >> 32 & 255), (unsigned)(v >> 24 & 255), (unsigned)(v >> 16 & 255),
			(unsigned)(v >> 8 & 255), (unsigned)(v & 255));
		break;
	case EL_EXPIF:
		addr_text(tabwide_key(keys_wide(k), (uint32_t)(v >> 32))->bytes, text);
		snprintf(out, KEY_TEXT, "%s/%u", text, (unsigned)(v & UINT32_MAX));
		break;
	case EL_PORTPROTO:
		port_proto(out, KEY_TEXT, (unsigned)(v >> 8), (unsigned)(v & 255));
		break;
	case EL_PROTO: {
		const char *word = names_word(NAMES_PROTOCOL, (uint32_t)v);
		if (word != NULL)
			snprintf(out, KEY_TEXT, "%s", word);
		else
			snprintf(out, KEY_TEXT, "%llu", (unsigned long long)v);
		break;
	}
	case EL_SERVICE:
		service(k, v, out);
		break;
	default:
		snprintf(out, KEY_TEXT, "%llu", (unsigned long long)v);
	}
}

void
keys_text(const struct keys *k, uint32_t id, char part[2][KEY_TEXT], uint32_t *first)
{
	part[1][0] = 0;
	if (keys_parts(k) == 1) {
		element_text(k, id, part[0]);
		if (first != NULL)
			*first = id;
		return;
	}
	uint32_t x = (uint32_t)(k->comb.key[id] >> 32), y = (uint32_t)k->comb.key[id];
	if (k->view->element == EL_CLIENTSERVICE) {
		char text[ADDR_TEXT];
		addr_text(tabwide_key(keys_wide(k), x)->bytes, text);
		snprintf(part[0], KEY_TEXT, "%s", text);
		service(k, k->narrow.key[y], part[1]);
	} else {
		char other[KEY_TEXT];
		element_text(k, x, part[0]);
		element_text(k, y, other);
		if (strcmp(other, part[0]) < 0) {
			memcpy(part[1], part[0], KEY_TEXT);
			memcpy(part[0], other, KEY_TEXT);
			x = y;
		} else
			memcpy(part[1], other, KEY_TEXT);
	}
	if (first != NULL)
		*first = x;
}

int
keys_compare(const struct keys *k, uint32_t a, uint32_t b)
{
	char x[2][KEY_TEXT], y[2][KEY_TEXT];
	keys_text(k, a, x, NULL);
	keys_text(k, b, y, NULL);
	int c = strcmp(x[0], y[0]);
	return c != 0 ? c : strcmp(x[1], y[1]);
}

/* names of an interface within the frame; of an index alone: at each exporter that has one */
static bool
interface_label(const struct keys *k, uint32_t element, const struct query *q, char *out, size_t n)
{
	if (element == ID_NONE)
		return false;
	uint64_t v = k->narrow.key[element];
	const uint8_t *address =
		k->view->element == EL_EXPIF ? tabwide_key(keys_wide(k), (uint32_t)(v >> 32))->bytes : NULL;
	return interfaces_label(
		q->source->interfaces, address, (uint32_t)v, q->frame.from, q->frame.to, out, n);
}

static const char *
interface_pair_label(const struct keys *k, uint32_t id, const struct query *q, char buffer[KEY_TEXT])
{
	char part[2][KEY_TEXT], one[2][KEY_TEXT / 2 - 8];
	uint32_t element[2], first;
	keys_text(k, id, part, &first);
	(void)keys_elements(k, id, element);
	bool turned = element[0] != first;
	bool a = interface_label(k, element[turned], q, one[0], sizeof one[0]);
	bool b = interface_label(k, element[!turned], q, one[1], sizeof one[1]);
	if (!a && !b)
		return NULL;
	snprintf(buffer, KEY_TEXT, "%s - %s", a ? one[0] : "?", b ? one[1] : "?");
	return buffer;
}

const char *
keys_label(const struct keys *k, uint32_t id, const struct query *q, char buffer[KEY_TEXT])
{
	uint64_t v = 0;
	bool interface = k->view->element == EL_EXPIF || k->view->element == EL_IF;
	if (k->view->class == VIEW_PAIR)
		return interface ? interface_pair_label(k, id, q, buffer) : NULL;
	switch (k->view->element) {
	case EL_IF:
	case EL_EXPIF:
		return interface_label(k, id, q, buffer, KEY_TEXT) ? buffer : NULL;
	case EL_PORTPROTO:
		v = k->narrow.key[id];
		break;
	case EL_SERVICE:
		v = k->narrow.key[id] & 0xffffff;
		break;
	case EL_CLIENTSERVICE:
		v = k->narrow.key[(uint32_t)k->comb.key[id]] & 0xffffff;
		break;
	case EL_TCPFLAGS: {
		size_t at = 0;
		buffer[0] = 0;
		for (uint32_t bit = 1; bit < 256; bit <<= 1)
			if (k->narrow.key[id] & bit)
				at += (size_t)snprintf(buffer + at, KEY_TEXT - at, "%s%s", at ? " " : "",
					names_word(NAMES_TCPFLAG, bit));
		return buffer;
	}
	default:
		return NULL;
	}
	return services_name(q->services, (uint16_t)(v >> 8), (uint8_t)(v & 255));
}

unsigned
keys_elements(const struct keys *k, uint32_t id, uint32_t out[2])
{
	if (k->view->class != VIEW_PAIR) {
		out[0] = id;
		return 1;
	}
	out[0] = (uint32_t)(k->comb.key[id] >> 32);
	out[1] = (uint32_t)k->comb.key[id];
	return 2;
}

/* the index, or a name it has within the frame */
static bool
interface_has(const struct keys *k, uint64_t v, const struct test *t, const struct query *q)
{
	const uint8_t *address =
		k->view->element == EL_EXPIF ? tabwide_key(keys_wide(k), (uint32_t)(v >> 32))->bytes : NULL;
	if (test_range_has(t, v & UINT32_MAX))
		return true;
	for (uint32_t i = 0; i < t->words; i++)
		if (interfaces_has(q->source->interfaces, address, (uint32_t)v, q->frame.from, q->frame.to,
			    t->word[i]))
			return true;
	return false;
}

bool
keys_element_has(const struct keys *k, uint32_t element, const struct test *t, const struct query *q)
{
	if (element == ID_NONE)
		return false;
	switch (k->view->element) {
	case EL_IP:
		return test_address_has(t, tabwide_key(keys_wide(k), element)->bytes);
	case EL_NETBLOCK: {
		const struct wide_key *w = tabwide_key(keys_wide(k), element);
		for (uint32_t i = 0; i < t->exacts; i++)
			if (w->extra == 128 && memcmp(t->exact[i].bytes, w->bytes, 16) == 0)
				return true;
		for (uint32_t i = 0; i < t->prefixes; i++)
			if (t->prefix[i].bits == w->extra && memcmp(t->prefix[i].bytes, w->bytes, 16) == 0)
				return true;
		return false;
	}
	case EL_GROUP: {
		const char *text = k->texts->text[k->narrow.key[element]];
		return test_group_has(t, text, (uint32_t)strlen(text));
	}
	case EL_MAC: {
		uint64_t v = k->narrow.key[element];
		uint8_t bytes[6];
		for (int i = 0; i < 6; i++)
			bytes[i] = (uint8_t)(v >> (40 - 8 * i));
		for (uint32_t i = 0; i < t->prefixes; i++)
			if (memcmp(t->prefix[i].bytes, bytes, 6) == 0)
				return true;
		return false;
	}
	case EL_IF:
	case EL_EXPIF:
		return interface_has(k, k->narrow.key[element], t, q);
	default:
		return test_range_has(t, k->narrow.key[element]);
	}
}
