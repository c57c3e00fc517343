/*
 * conf_edit.h - one setting changed in the text of flowtrove.conf, with everything else as it was: comments, order, blanks.
 */
#ifndef FT_CONF_EDIT_H
#define FT_CONF_EDIT_H

/* text: of a file that conf_load takes.  section: "" for the top level.  value: without quotes, # and control characters;
 * "" is written as "".  A setting that is not in the file goes to the end of its section; a section that is not goes to
 * the end of the file.  The new text, malloc'd; NULL: no memory. */
char *conf_edit(const char *text, const char *section, const char *key, const char *value);

#endif
