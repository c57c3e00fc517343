/*
 * conf_words.h - what a word of a list in flowtrove.conf must look like, so that the file is refused where it is written
 * and not where it is used.
 */
#ifndef FT_CONF_WORDS_H
#define FT_CONF_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* HOST:PORT or [HOST]:PORT, taken apart; false: it is none.  The host is not looked up. */
bool conf_words_target(const char *word, char *host, size_t size, char *port, size_t port_size);
/* Of `keepfields`: all, none, or an information element by name or PEN.ID. */
bool conf_words_element(const char *word);

#endif
