/*
 * main.c - runs a fuzz target over its corpus without libFuzzer, so that `make check` does on every machine what
 * the fuzzer found once.
 *
 *   PROGRAM              every file of tests/fuzz/PROGRAM.in/, seen from the working directory or from the
 *                        source tree the program was built in
 *   PROGRAM PATH…        these files and directories instead
 *
 * A file *.hex holds many inputs, one a line in hexadecimal digits (tests/fuzz/corpus packs and unpacks).
 *
 * Prints how many inputs ran; ends with 0, or 1 if there was none or one could not be read.  A target that finds
 * something aborts, and the last file's name is printed before.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned long count, unread;
static char running[1024];

static void
on_abort(int sig)
{
	static const char text[] = "failed on ";
	ssize_t n = write(2, text, sizeof text - 1);
	n = write(2, running, strlen(running));
	n = write(2, "\n", 1);
	(void)n;
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	if (f == NULL || fstat(fileno(f), &st) != 0) {
		(void)fprintf(stderr, "can't read %s: %s\n", path, strerror(errno));
		unread++;
		if (f != NULL)
			(void)fclose(f);
		return;
	}
	/* exactly as many bytes as there are, so that a sanitizer sees a read beyond them */
	size_t size = (size_t)st.st_size;
	uint8_t *data = malloc(size ? size : 1);
	if (data == NULL || fread(data, 1, size, f) != size) {
		(void)fprintf(stderr, "can't read %s\n", path);
		unread++;
	} else {
		(void)snprintf(running, sizeof running, "%s", path);
		(void)LLVMFuzzerTestOneInput(data, size);
		count++;
	}
	free(data);
	(void)fclose(f);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
run_lines(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t n;
	if (f == NULL) {
		(void)fprintf(stderr, "can't read %s: %s\n", path, strerror(errno));
		unread++;
		return;
	}
	while ((n = getline(&line, &room, f)) > 0) {
		size_t size = 0;
		number++;
		if (line[0] == '#')
			continue;
		uint8_t *data = malloc((size_t)n / 2 + 1);
		while (data != NULL && digit(line[2 * size]) >= 0 && digit(line[2 * size + 1]) >= 0) {
			data[size] = (uint8_t)(digit(line[2 * size]) << 4 | digit(line[2 * size + 1]));
			size++;
		}
		if (data == NULL || line[2 * size] != '\n') {
			(void)fprintf(stderr, "%s:%zu: no line of hexadecimal digits\n", path, number);
			unread++;
		} else {
			/* exactly as many bytes as there are, so that a sanitizer sees a read beyond them */
			uint8_t *fit = realloc(data, size ? size : 1);
			data = fit ? fit : data;
			(void)snprintf(running, sizeof running, "%s:%zu", path, number);
			(void)LLVMFuzzerTestOneInput(data, size);
			count++;
		}
		free(data);
	}
	free(line);
	(void)fclose(f);
}

static int
visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* a file, or a directory's files in the order of their names */
static void
run_path(const char *path)
{
	struct dirent **list;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		size_t n = strlen(path);
		(n > 4 && strcmp(path + n - 4, ".hex") == 0 ? run_lines : run_file)(path);
		return;
	}
	int n = scandir(path, &list, visible, alphasort);
	for (int i = 0; i < n; i++) {
		char name[1024];
		(void)snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
		run_path(name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* tests/fuzz/<program>.in here or beside this source file; "" if neither is there */
static void
corpus_of(const char *program, char *out, size_t n)
{
	static const char here[] = __FILE__;
	const char *base = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
	(void)snprintf(out, n, "tests/fuzz/%s.in", base);
	if (access(out, R_OK) == 0)
		return;
	(void)snprintf(out, n, "%.*s/%s.in", (int)(strrchr(here, '/') - here), here, base);
	if (access(out, R_OK) != 0)
		out[0] = '\0';
}

int
main(int argc, char **argv)
{
	char corpus[512];
	(void)signal(SIGABRT, on_abort);
	if (LLVMFuzzerInitialize != NULL)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc < 2) {
		corpus_of(argv[0], corpus, sizeof corpus);
		if (corpus[0] == '\0') {
			(void)fprintf(stderr,
				"%s: no corpus tests/fuzz/%s.in here; run it from the top of the "
				"source tree or name files\n",
				argv[0], strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0]);
			return 1;
		}
		run_path(corpus);
	}
	printf("%s: %lu inputs\n", argv[0], count);
	return count == 0 || unread > 0;
}
