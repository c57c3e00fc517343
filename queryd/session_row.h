/*
 * session_row.h - one slice or session as the list of fields that people see (FIELD rows of fields.def).
 */
#ifndef FT_QUERYD_SESSION_ROW_H
#define FT_QUERYD_SESSION_ROW_H

#include "queryd/query.h"

enum session_field {
#define FIELD(name, type, column, part, present) SESSION_F_##name,
#include "common/fields.def"
#undef FIELD
	SESSION_FIELDS
};
/* heads of CSV and names in JSON, in output order */
extern const char *const session_field_name[SESSION_FIELDS];
/* every column that a row needs */
uint64_t session_columns_needed(void);

enum value_kind { VALUE_NONE, VALUE_UINT, VALUE_TEXT, VALUE_BOOL, VALUE_JSON };
struct field_value {
	enum value_kind kind;
	uint32_t bytes; /* of text */
	uint64_t n;
	const char *text; /* valid until the next row */
};

/* Texts of the current block's codes, formatted when first met. */
struct row_text {
	uint8_t bytes;
	char text[63];
};
struct row_maker {
	struct budget *budget;
	const struct services *services;
	const struct interfaces *interfaces; /* NULL: none is known */
	struct row_text *address, *netblock; /* by address code */
	uint32_t room;
	char *elements; /* ROW_ELEMENTS bytes, made when the first kept elements are met */
	char country[2][2], mac[2][18], guid[37], exporter[64], wide[3][64], app[32];
	const uint32_t *narrow[SESSION_FIELDS], *present, *proto, *client, *server, *exporter_code,
		*server_port;
	const uint64_t *wide_number[SESSION_FIELDS]; /* columns of the batch; one of the two a field */
	struct field_value value[SESSION_FIELDS];
};
int row_maker_block(struct row_maker *m, struct block_view *v);
void row_maker_free(struct row_maker *m);
/* before the rows of a batch */
int row_maker_batch(struct row_maker *m, struct worker *w);
/* fills in m->value from selected row j of the batch; 0 or FT_EFORMAT */
int row_maker_row(struct row_maker *m, struct worker *w, uint32_t j);

/* session_write.c: rows as bytes */
struct row_writer {
	bool csv;
	int (*write)(void *ctx, const char *bytes, size_t n);
	void *ctx;
	char *buffer;
	size_t n, room;
	int rc; /* first failure; nothing is written after it */
};
int row_writer_open(struct row_writer *w, bool csv);
void row_writer_close(struct row_writer *w); /* does not flush */
void row_writer_head(struct row_writer *w);
/* extra: more JSON members, as text, without the comma before them; "" for CSV */
void row_writer_row(struct row_writer *w, const struct field_value value[SESSION_FIELDS], const char *extra);
void row_writer_text(struct row_writer *w, const char *line);
int row_writer_flush(struct row_writer *w);
/* bytes of the UTF-8 sequence at text (RFC 3629 section 4), 0 if it is none */
size_t row_writer_utf8(const char *text, size_t left);

#endif
