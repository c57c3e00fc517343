/* settings.c - see settings.h. */
#include "queryd/settings.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_edit.h"

enum { FILE_MOST = 1 << 20 };

static const enum conf_key settable[] = {
#define SETTABLE(key) CONF_##key,
#include "queryd/settings.def"
};

bool
settings_find(const char *name, enum conf_key *key)
{
	for (unsigned i = 0; i < CONF_KEYS; i++)
		if (strcmp(conf_name((enum conf_key)i), name) == 0) {
			*key = (enum conf_key)i;
			return true;
		}
	return false;
}

bool
settings_settable(enum conf_key key)
{
	for (unsigned i = 0; i < sizeof settable / sizeof settable[0]; i++)
		if (settable[i] == key)
			return true;
	return false;
}

static bool
append(char out[SETTINGS_TEXT], size_t *n, const json_t *v)
{
	int k = json_is_string(v) ? snprintf(out + *n, SETTINGS_TEXT - *n, "%s", json_string_value(v))
		: json_is_boolean(v)
			? snprintf(out + *n, SETTINGS_TEXT - *n, "%s", json_is_true(v) ? "yes" : "no")
		: json_is_integer(v)
			? snprintf(out + *n, SETTINGS_TEXT - *n, "%lld", (long long)json_integer_value(v))
			: -1;
	if (k < 0 || (size_t)k >= SETTINGS_TEXT - *n - 1)
		return false;
	*n += (size_t)k;
	return true;
}

int
settings_text(const json_t *value, char out[SETTINGS_TEXT], struct err *err)
{
	size_t n = 0, i;
	json_t *x;
	bool good = true;
	out[0] = 0;
	if (json_is_array(value)) {
		json_array_foreach ((json_t *)(uintptr_t)value, i, x) {
			if (i > 0 && n < SETTINGS_TEXT - 1)
				out[n++] = ' ';
			good = good && append(out, &n, x);
		}
	} else
		good = append(out, &n, value);
	if (!good)
		return err_set(err, FT_EINVAL,
			"a value is text, a number, true or false, or an array of text and numbers");
	for (const unsigned char *p = (const unsigned char *)out; *p; p++)
		if (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '#' || *p == '<' || *p == '>')
			return err_set(
				err, FT_EINVAL, "a value has no quotes, #, < or > and no control characters");
	return 0;
}

static char *
read_whole(const char *path, struct err *err)
{
	FILE *f = fopen(path, "r");
	char *text = f ? calloc(1, FILE_MOST + 1) : NULL;
	if (text == NULL) {
		(void)err_sys(err, "%s can't be read", path);
		if (f)
			fclose(f);
		return NULL;
	}
	size_t n = fread(text, 1, FILE_MOST + 1, f);
	bool bad = ferror(f) || n > FILE_MOST;
	fclose(f);
	if (!bad)
		return text;
	err_set(err, FT_ESYS, "%s can't be read, or has more than %d bytes", path, FILE_MOST);
	free(text);
	return NULL;
}

/* a new file beside the old one, of its owner and mode */
static int
write_beside(const char *path, const char *part, const char *text, struct err *err)
{
	struct stat st;
	size_t n = strlen(text);
	(void)unlink(part); /* of a kill */
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err,
			"%s can't be written by ft-queryd; change the setting in the file and reload", path);
	int rc = write(fd, text, n) == (ssize_t)n && stat(path, &st) == 0 &&
				 fchmod(fd, st.st_mode & 0777) == 0 && fsync(fd) == 0
			 ? 0
			 : err_sys(err, "%s can't be written", part);
	if (rc == 0 && (st.st_uid != geteuid() || st.st_gid != getegid()) &&
		fchown(fd, st.st_uid, st.st_gid) != 0)
		rc = err_sys(
			err, "%s would change its owner; change the setting in the file and reload", path);
	close(fd);
	return rc;
}

/* FT_EINVAL with the first problem of the file, without its place: that is the file beside */
static int
check(const char *part, struct err *err)
{
	struct conf_problems problems = {0};
	struct conf *c = conf_load(part, &problems);
	int rc = c ? 0 : FT_EINVAL;
	if (rc != 0) {
		const char *text = problems.text ? problems.text : "";
		size_t n = strlen(part);
		if (strncmp(text, part, n) == 0 && text[n] == ':') {
			text += n + 1;
			text += strspn(text, "0123456789: ");
		}
		err_set(err, rc, "%.*s", (int)strcspn(text, "\n"), text);
	}
	conf_problems_free(&problems);
	conf_free(c);
	return rc;
}

static void
sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		(void)fsync(fd); /* some filesystems can't */
		close(fd);
	}
	free(copy);
}

int
settings_write(const char *path, enum conf_key key, const char *text, struct err *err)
{
	char part[4200], section[64];
	const char *name = conf_name(key), *slash = strrchr(name, '/');
	snprintf(section, sizeof section, "%.*s", slash ? (int)(slash - name) : 0, name);
	snprintf(part, sizeof part, "%s.new", path);
	char *was = read_whole(path, err);
	if (was == NULL)
		return FT_ESYS;
	char *now = conf_edit(was, section, slash ? slash + 1 : name, text);
	free(was);
	if (now == NULL)
		return err_set(err, FT_ENOMEM, "out of memory");
	int rc = write_beside(path, part, now, err);
	free(now);
	if (rc == 0)
		rc = check(part, err);
	if (rc == 0 && rename(part, path) != 0)
		rc = err_sys(err, "%s can't be replaced", path);
	if (rc != 0)
		(void)unlink(part); /* may not be there */
	else
		sync_folder(path);
	return rc;
}
