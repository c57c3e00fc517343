/* options.c - see options.h. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/timeframe.h"

enum option_id {
	OPT_GROUP,
	OPT_SERVER,
	OPT_PORT,
	OPT_USER,
	OPT_PASSWORD,
	OPT_KEY,
	OPT_START,
	OPT_END,
	OPT_LAST,
	OPT_EXPORTER,
	OPT_EXPORTER_IF,
	OPT_EXPORTER_VERSION,
	OPT_BORDER,
	OPT_QUERY,
	OPT_ENTITY,
	OPT_COUNT,
	OPT_SENT,
	OPT_RECEIVED,
	OPT_ROWS,
	OPT_SLOTS,
	OPT_SLICES,
	OPT_WHOLE,
	OPT_CSV,
	OPT_CSV_HEAD,
	OPT_JSON,
	OPT_VERBOSE,
	OPT_PARQUET,
	OPT_PICTURE,
	OPT_WIDTH,
	OPT_HEIGHT,
	OPT_CHANGE_PASSWORD,
	OPT_ADD,
	OPT_DELETE,
	OPT_MAKE_ADMIN,
	OPT_MAKE_PLAIN,
	OPT_FILTER,
	OPT_LIST,
	OPT_ALERTS,
	OPT_ALERT_USER,
	OPT_ALERT_SPAN,
	OPT_HELP,
	OPT_VERSION,
};
static const struct row {
	enum option_id id;
	const char *tools, *word, *values, *help;
} rows[] = {
#define OPTION(id, tools, word, values, help) {OPT_##id, tools, word, values, help},
#define GROUP(tools, heading) {OPT_GROUP, tools, "", "", heading},
#include "cli/options.def"
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- help ------------------------------------------------------------------------------------- */

static const char *
purpose(char letter)
{
	return letter == 'q'   ? "list raw sessions"
	       : letter == 's' ? "rank hosts, ports, networks and more by traffic"
			       : "manage the users of a Flowtrove server";
}

static const char *
tool_name(char letter)
{
	return letter == 'q' ? "ftsq" : letter == 's' ? "ftstat" : "ftum";
}

/* text in lines of at most 100 columns, each after the first indented */
static void
wrap(const char *text, FILE *to)
{
	int column = 28;
	for (const char *p = text; *p;) {
		int n = (int)strcspn(p, " ");
		if (column + n > 100) {
			fprintf(to, "\n%28s", "");
			column = 28;
		}
		fprintf(to, "%.*s", n, p);
		p += n;
		column += n;
		if (*p == ' ') {
			if (p[1])
				fputc(' ', to);
			column++;
			p++;
		}
	}
	fputc('\n', to);
}

void
options_help(char letter, FILE *to)
{
	fprintf(to, "%s - %s\nusage: %s [options]\n", tool_name(letter), purpose(letter), tool_name(letter));
	for (unsigned i = 0; i < ROWS; i++) {
		char left[64];
		if (strchr(rows[i].tools, letter) == NULL)
			continue;
		if (rows[i].id == OPT_GROUP) {
			fprintf(to, "\n%s\n", rows[i].help);
			continue;
		}
		snprintf(left, sizeof left, "%s %s", rows[i].word, rows[i].values);
		fprintf(to, "  %-25s ", left);
		wrap(rows[i].help, to);
	}
	fprintf(to, "\nexit codes: 0 good, 1 failed, 2 wrong usage, 3 not logged in or not allowed\n");
}

void
options_man(char letter, FILE *to)
{
	bool open = false;
	for (unsigned i = 0; i < ROWS; i++) {
		if (strchr(rows[i].tools, letter) == NULL)
			continue;
		if (rows[i].id == OPT_GROUP) {
			fprintf(to, "%s.Ss %s\n.Bl -tag -width indent\n", open ? ".El\n" : "", rows[i].help);
			open = true;
			continue;
		}
		fprintf(to, ".It Fl %s", rows[i].word + 1);
		char values[64], *save, *word;
		snprintf(values, sizeof values, "%s", rows[i].values);
		for (word = strtok_r(values, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
			bool may = word[0] == '[';
			fprintf(to, may ? " Op Ar %.*s" : " Ar %.*s", (int)(strlen(word) - (may ? 2 : 0)),
				word + may);
		}
		fprintf(to, "\n");
		/* a line of text may not begin with a dot or quote, and a backslash is an escape */
		for (const char *p = rows[i].help; *p; p++)
			if (*p == '\\')
				fputs("\\e", to);
			else
				fputc(*p, to);
		fprintf(to, "\n");
	}
	fprintf(to, ".El\n");
}

int
options_wrong(const struct options *o, const char *fmt, ...)
{
	va_list ap;
	fprintf(stderr, "%s: ", o->tool);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (%s -h explains every option)\n", o->tool);
	return EXIT_USAGE;
}

/* ---- secrets ---------------------------------------------------------------------------------- */

char *
options_read_line(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n = getline(&line, &room, stdin);
	if (n < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\r\n")] = 0;
	return line;
}

char *
options_ask_secret(const char *prompt)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios was, quiet;
	char line[1100];
	size_t n = 0;
	if (fd < 0)
		return NULL;
	bool terminal = tcgetattr(fd, &was) == 0;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (terminal)
		tcsetattr(fd, TCSAFLUSH, &quiet);
	dprintf(fd, "%s", prompt);
	while (n < sizeof line - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	dprintf(fd, "\n");
	if (terminal)
		tcsetattr(fd, TCSAFLUSH, &was);
	close(fd);
	char *out = strdup(line);
	explicit_bzero(line, sizeof line);
	return out;
}

/* copy a secret out of argv and overwrite it there */
static char *
take_secret(char *arg)
{
	char *copy = strdup(arg);
	memset(arg, 'x', strlen(arg));
	return copy;
}

/* ---- parsing ---------------------------------------------------------------------------------- */

static const char *
environment(const char *name)
{
	char full[64];
	snprintf(full, sizeof full, "FLOWTROVE_%s", name);
	const char *v = getenv(full);
	if (v && v[0])
		return v;
	snprintf(full, sizeof full, "FLOWTRAQ_%s", name);
	v = getenv(full);
	return v && v[0] ? v : NULL;
}

static const struct row *
find(char letter, const char *word)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].id != OPT_GROUP && strcmp(rows[i].word, word) == 0 &&
			strchr(rows[i].tools, letter))
			return &rows[i];
	return NULL;
}

static bool
is_key(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdefABCDEF") == 32;
}

static int
number(const struct options *o, const char *word, const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (end == text || *end || errno || v < least || v > most)
		return options_wrong(o, "%s takes a number from %lld to %lld, not '%s'", word,
			(long long)least, (long long)most, text);
	*out = v;
	return -1;
}

static int
act(struct options *o, enum act what, const char *user, const char *word)
{
	if (o->act != ACT_NONE)
		return options_wrong(o, "%s: one thing at a time", word);
	o->act = what;
	o->act_user = user;
	return -1;
}

static void
pick_count(struct options *o, const char *value, int argc, char **argv, int *i)
{
	bool unique = strcasecmp(value, "UNIQUE") == 0 && *i + 1 < argc && argv[*i + 1][0] != '-';
	snprintf(o->count, sizeof o->count, "%s%s%s", value, unique ? " " : "", unique ? argv[*i + 1] : "");
	*i += unique;
}

/* the rest of an option after its first value; -1 go on */
static int
apply(struct options *o, const struct row *row, int argc, char **argv, int *i)
{
	bool takes = row->values[0] && row->values[0] != '[';
	const char *w = row->word;
	if (takes && *i + 1 >= argc)
		return options_wrong(o, "%s needs %s", w, row->values);
	char *v = takes ? argv[++*i] : NULL;
	bool more = *i + 1 < argc && (argv[*i + 1][0] != '-' || argv[*i + 1][1] == 0);
	switch (row->id) {
	case OPT_SERVER:
		o->server = v;
		break;
	case OPT_PORT:
		o->port = v;
		break;
	case OPT_USER:
		o->user = v;
		break;
	case OPT_PASSWORD:
		free(o->password);
		o->password = take_secret(v);
		break;
	case OPT_KEY:
		o->want_key = !(*i + 1 < argc && is_key(argv[*i + 1]));
		if (!o->want_key) {
			free(o->key);
			o->key = take_secret(argv[++*i]);
		} else if (more)
			return options_wrong(
				o, "-us takes a session key of 32 hex digits, not '%s'", argv[*i + 1]);
		break;
	case OPT_START:
		o->start = v;
		break;
	case OPT_END:
		o->end = v;
		break;
	case OPT_LAST:
		o->last = v;
		break;
	case OPT_EXPORTER:
		o->exporter = v;
		break;
	case OPT_EXPORTER_IF:
		return number(o, w, v, 0, UINT32_MAX, &o->exporter_if);
	case OPT_EXPORTER_VERSION:
		o->exporter_version = v;
		break;
	case OPT_QUERY:
		o->query = v;
		break;
	case OPT_ENTITY:
		o->entity = v;
		break;
	case OPT_COUNT:
		pick_count(o, v, argc, argv, i);
		break;
	case OPT_SENT:
		o->sent = true;
		break;
	case OPT_RECEIVED:
		o->received = true;
		break;
	case OPT_ROWS:
		return number(o, w, v, 1, o->letter == 'q' ? INT64_C(1) << 52 : 250000, &o->rows);
	case OPT_SLOTS:
		return number(o, w, v, 1, 100000, &o->slots);
	case OPT_BORDER:
		o->border = true;
		break;
	case OPT_SLICES:
		o->slices = true;
		break;
	case OPT_WHOLE:
		o->whole = true;
		break;
	case OPT_CSV:
		o->output = OUT_CSV;
		break;
	case OPT_CSV_HEAD:
		o->output = OUT_CSV_HEAD;
		break;
	case OPT_JSON:
		o->output = OUT_JSON;
		break;
	case OPT_VERBOSE:
		o->verbose = true;
		break;
	case OPT_PICTURE:
		o->picture = v;
		break;
	case OPT_PARQUET:
		o->parquet = v;
		o->output = OUT_CSV_HEAD;
		break;
	case OPT_WIDTH:
		return number(o, w, v, 200, 16384, &o->width);
	case OPT_HEIGHT:
		return number(o, w, v, 150, 16384, &o->height);
	case OPT_CHANGE_PASSWORD:
	case OPT_ADD:
		if (more)
			o->act_password = take_secret(argv[++*i]);
		return act(o, row->id == OPT_ADD ? ACT_ADD : ACT_PASSWORD, v, w);
	case OPT_DELETE:
		return act(o, ACT_DELETE, v, w);
	case OPT_MAKE_ADMIN:
		return act(o, ACT_ADMIN, v, w);
	case OPT_MAKE_PLAIN:
		return act(o, ACT_NOADMIN, v, w);
	case OPT_FILTER:
		if (*i + 1 >= argc)
			return options_wrong(o, "-filter needs USER and FILTER (\"\" takes it away)");
		o->act_text = argv[++*i];
		return act(o, ACT_FILTER, v, w);
	case OPT_LIST:
		return act(o, ACT_LIST, NULL, w);
	case OPT_ALERTS:
		o->alerts = true;
		break;
	case OPT_ALERT_USER:
		o->alert_user = v;
		break;
	case OPT_ALERT_SPAN:
		o->alert_span = v;
		break;
	case OPT_HELP:
		options_help(o->letter, stdout);
		return EXIT_GOOD;
	case OPT_VERSION:
		printf("%s %s\n", o->tool, FT_VERSION);
		return EXIT_GOOD;
	case OPT_GROUP:
		break;
	}
	return -1;
}

/* -te and -tl are in the caller's time zone, so they are read here; -tn is up to the server's now */
static int
frame(struct options *o)
{
	struct err err = {0};
	int64_t now = wall_now().us;
	if (o->last && (o->start || o->end))
		return options_wrong(o, "-tn does not go with -te and -tl");
	if ((o->start == NULL) != (o->end == NULL))
		return options_wrong(o, "-te and -tl go together");
	if (o->start && (timeframe_time(o->start, NULL, now, &o->from_us, &err) != 0 ||
				timeframe_time(o->end, NULL, now, &o->to_us, &err) != 0))
		return options_wrong(o, "%s", err.text);
	if (o->start && o->from_us >= o->to_us)
		return options_wrong(o, "-te is not before -tl");
	if (o->last && timeframe_frame(o->last, NULL, now, &o->from_us, &o->to_us, &err) != 0)
		return options_wrong(o, "-tn: %s", err.text);
	return -1;
}

static int
consistent(struct options *o)
{
	if (o->key && (o->password || o->want_key))
		return options_wrong(o, "a session key goes without a password");
	if (o->sent && o->received)
		return options_wrong(o, "-snd and -rcv exclude each other");
	if (o->exporter_if >= 0 && o->exporter == NULL)
		return options_wrong(o, "-ei goes with -e: an index means an interface of one exporter");
	if (o->letter == 's' && o->entity == NULL && !o->want_key && !o->alerts)
		return options_wrong(o, "what is to be ranked? give -grp, such as -grp IP");
	if ((o->width != 0) != (o->height != 0) || (o->width && !o->picture))
		return options_wrong(o, "-gx and -gy go together, and with -g");
	if ((o->alert_user || o->alert_span) && !o->alerts)
		return options_wrong(o, "-au and -at go with -al");
	int64_t port = 0;
	int rc = number(o, "-p", o->port, 1, 65535, &port);
	return rc == -1 ? frame(o) : rc;
}

int
options_parse(struct options *o, const char *tool, int argc, char **argv)
{
	memset(o, 0, sizeof *o);
	o->tool = tool;
	o->letter = strcmp(tool, "ftsq") == 0 ? 'q' : strcmp(tool, "ftstat") == 0 ? 's' : 'u';
	o->server = environment("SERVER") ? environment("SERVER") : "localhost";
	o->port = environment("PORT") ? environment("PORT") : "9640";
	o->user = environment("USERNAME");
	o->server_key = environment("SERVERKEY");
	o->exporter_if = o->rows = -1;
	snprintf(o->count, sizeof o->count, "BYTES");
	for (int i = 1; i < argc; i++) {
		const struct row *row = find(o->letter, argv[i]);
		if (strcmp(argv[i], "--man") == 0) {
			options_man(o->letter, stdout);
			return EXIT_GOOD;
		}
		if (strcmp(argv[i], "--help") == 0)
			row = find(o->letter, "-h");
		if (row == NULL)
			return options_wrong(o, "%s: no such option", argv[i]);
		int rc = apply(o, row, argc, argv, &i);
		if (rc >= 0)
			return rc;
	}
	if (o->password == NULL && o->key == NULL && environment("PASSWORD"))
		o->password = strdup(environment("PASSWORD"));
	return consistent(o);
}

static void
forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void
options_free(struct options *o)
{
	forget(&o->password);
	forget(&o->key);
	forget(&o->act_password);
}
