/* conf_words.c - see conf_words.h */
#include "common/conf_words.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/ie.h"

bool
conf_words_target(const char *word, char *host, size_t size, char *port, size_t port_size)
{
	const char *colon = strrchr(word, ':');
	size_t n = colon ? (size_t)(colon - word) : 0;
	char *end;
	if (n == 0 || n >= size || strlen(colon + 1) >= port_size)
		return false;
	if (word[0] == '[' && word[n - 1] == ']')
		word++, n -= 2;
	else if (memchr(word, ':', n))
		return false; /* an IPv6 address without brackets: which part is the port? */
	memcpy(host, word, n);
	host[n] = 0;
	snprintf(port, port_size, "%s", colon + 1);
	unsigned long v = strtoul(port, &end, 10);
	return n > 0 && end != port && *end == 0 && v >= 1 && v <= 65535;
}

bool
conf_words_element(const char *word)
{
	uint32_t pen;
	uint16_t id;
	return strcasecmp(word, "all") == 0 || strcasecmp(word, "none") == 0 || ie_parse(word, &pen, &id);
}
