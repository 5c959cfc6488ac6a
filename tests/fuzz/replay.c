/* SPDX-License-Identifier: MIT */
/*
 * Runs inputs under any compiler: files, or a corpus in one text file, where each
 * line is an input in hexadecimal.
 *
 *	replay FILE...           runs them
 *	replay --unpack DIR TXT  writes the inputs of a corpus to files
 *	replay --pack FILE...    prints the corpus of files
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX 8192

typedef void use(const uint8_t *data, size_t size, unsigned number, void *ctx);

static void run(const uint8_t *data, size_t size, unsigned number, void *ctx)
{
	/* Exactly as much memory as it takes, so that reads past its end are seen. */
	uint8_t *copy = malloc(size ? size : 1);

	(void)number;
	(void)ctx;
	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void unpack(const uint8_t *data, size_t size, unsigned number, void *ctx)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%04u", (const char *)ctx, number);
	file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static void pack(const uint8_t *data, size_t size, unsigned number, void *ctx)
{
	(void)number;
	(void)ctx;
	for (size_t i = 0; i < size; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

static unsigned each_line(FILE *file, use *what, void *ctx)
{
	static char line[2 * INPUT_MAX + 2];
	static uint8_t data[INPUT_MAX];
	unsigned count = 0;

	while (fgets(line, sizeof(line), file)) {
		size_t size = 0;
		unsigned byte;

		while (sscanf(line + 2 * size, "%2x", &byte) == 1)
			data[size++] = (uint8_t)byte;
		what(data, size, count++, ctx);
	}
	return count;
}

static unsigned each(const char *path, use *what, void *ctx)
{
	static uint8_t data[INPUT_MAX];
	size_t length = strlen(path);
	FILE *file = fopen(path, "rb");
	unsigned count = 1;

	if (!file) {
		perror(path);
		exit(1);
	}
	if (length > 4 && !strcmp(path + length - 4, ".txt"))
		count = each_line(file, what, ctx);
	else
		what(data, fread(data, 1, sizeof(data), file), 0, ctx);
	fclose(file);
	return count;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	if (argc == 4 && !strcmp(argv[1], "--unpack"))
		return !each(argv[3], unpack, argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--pack")) {
		for (int i = 2; i < argc; i++)
			each(argv[i], pack, NULL);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		count += each(argv[i], run, NULL);
	printf("%u inputs\n", count);
	return !count;
}
