/* SPDX-License-Identifier: MIT */
/* core/elf.c: whole and broken shared objects. */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf-file.h"
#include "fixture.h"

#if UINTPTR_MAX > UINT32_MAX
typedef Elf64_Ehdr file_header;
typedef Elf64_Phdr program_header;
#else
typedef Elf32_Ehdr file_header;
typedef Elf32_Phdr program_header;
#endif

static unsigned char *image;
static size_t image_size;
static struct hy__verdict verdict;

static void setup(void)
{
	char *path = fixture_mock("ok");

	fixture_setup();
	image = fixture_read(path, &image_size);
	memset(&verdict, 0, sizeof(verdict));
	free(path);
}

static void teardown(void)
{
	free(image);
	fixture_teardown();
}

static file_header *header(void)
{
	return (file_header *)(void *)image;
}

static program_header *segment(unsigned i)
{
	return (program_header *)(void *)(image + header()->e_phoff) + i;
}

/* The end of the last byte of the file that the loader maps. */
static uint64_t segments_end(void)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < header()->e_phnum; i++) {
		if (segment(i)->p_type == PT_LOAD &&
		    segment(i)->p_offset + segment(i)->p_filesz > end)
			end = segment(i)->p_offset + segment(i)->p_filesz;
	}
	return end;
}

/* Checks the first `size` bytes of the image as a file. */
static int check(size_t size)
{
	char *path = fixture_path("file");
	int status;

	fixture_write(path, image, size);
	memset(&verdict, 0, sizeof(verdict));
	status = hy__elf_check(path, &verdict);
	if (status == 0)
		ck_assert_str_eq(verdict.reason, "");
	else
		ck_assert_int_eq(verdict.stage, HY_STAGE_SCAN);
	free(path);
	return status;
}

static void check_refused(size_t size, const char *reason)
{
	ck_assert_int_eq(check(size), HY_E_NO_BACKEND);
	ck_assert_str_eq(verdict.reason, reason);
}

START_TEST(whole)
{
	ck_assert_int_eq(check(image_size), 0);
}
END_TEST

START_TEST(empty)
{
	check_refused(0, "empty file");
}
END_TEST

START_TEST(missing)
{
	ck_assert_int_eq(hy__elf_check("/no/such/file", &verdict), HY_E_NO_BACKEND);
	ck_assert_str_eq(verdict.reason, "open: No such file or directory (ENOENT)");
}
END_TEST

START_TEST(no_elf)
{
	image[0] = '#';
	check_refused(image_size, "not a shared library (no ELF header)");
	check_refused(1, "not a shared library (no ELF header)");
}
END_TEST

START_TEST(not_regular)
{
	char *path = fixture_path("fifo");

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(hy__elf_check(path, &verdict), HY_E_NO_BACKEND);
	ck_assert_str_eq(verdict.reason, "not a regular file");
	ck_assert_int_eq(hy__elf_check(fixture_dir, &verdict), HY_E_NO_BACKEND);
	ck_assert_str_eq(verdict.reason, "not a regular file");
	free(path);
}
END_TEST

/* Whatever its length: refused when a mapped byte is missing, and only then. */
START_TEST(every_length)
{
	uint64_t end = segments_end();

	for (size_t size = 0; size < image_size; size += size < 1200 ? 1 : 977) {
		if (size >= end) {
			ck_assert_int_eq(check(size), 0);
			continue;
		}
		ck_assert_int_eq(check(size), HY_E_NO_BACKEND);
		ck_assert_msg(size < SELFMAG || strncmp(verdict.reason, "truncated: ", 11) == 0,
		              "%zu: %s", size, verdict.reason);
	}
	ck_assert_int_eq(check((size_t)end), 0);
	ck_assert_int_eq(check((size_t)end - 1), HY_E_NO_BACKEND);
}
END_TEST

START_TEST(truncated_text)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "truncated: %zu bytes, its segments need %zu",
	         (size_t)segments_end() - 1, (size_t)segments_end());
	check_refused((size_t)segments_end() - 1, expected);
	snprintf(expected, sizeof(expected), "truncated: 20 bytes, its headers need %zu",
	         sizeof(file_header));
	check_refused(20, expected);
}
END_TEST

/* --- Files of another kind; the names are those of x86-64 ------------------------------- */

#ifdef __x86_64__
START_TEST(other_machine)
{
	header()->e_machine = EM_AARCH64;
	check_refused(image_size, "built for AArch64, this process is x86-64");
	/* It needn't be whole to be told apart. */
	check_refused(20, "built for AArch64, this process is x86-64");
	header()->e_machine = 0xfefe;
	check_refused(image_size, "built for ELF machine 65278, this process is x86-64");
}
END_TEST

START_TEST(other_class)
{
	image[EI_CLASS] = ELFCLASS32;
	check_refused(image_size, "built for 32-bit x86-64, this process is 64-bit x86-64");
	header()->e_machine = EM_386;
	check_refused(image_size, "built for 32-bit x86, this process is 64-bit x86-64");
}
END_TEST

START_TEST(other_byte_order)
{
	image[EI_DATA] = ELFDATA2MSB;
	header()->e_machine = EM_PPC64 << 8;
	check_refused(image_size,
	              "built for big-endian PowerPC64, this process is little-endian x86-64");
}
END_TEST
#endif

START_TEST(other_type)
{
	header()->e_type = ET_REL;
	check_refused(image_size, "not a shared library (ELF type 1)");
}
END_TEST

/* --- Hostile numbers ------------------------------------------------------------------------ */

START_TEST(table_beyond)
{
	header()->e_phoff = image_size;
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
	ck_assert_int_eq(strncmp(verdict.reason, "truncated: ", 11), 0);
	memset(&header()->e_phoff, 0xff, sizeof(header()->e_phoff));
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
}
END_TEST

START_TEST(table_odd)
{
	uint16_t count = header()->e_phnum;

	header()->e_phnum = 0xffff;
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
	header()->e_phnum = 0;
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
	header()->e_phnum = count;
	header()->e_phentsize--;
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
	ck_assert_int_eq(strncmp(verdict.reason, "damaged: ", 9), 0);
}
END_TEST

static unsigned first_load(void)
{
	unsigned i = 0;

	while (segment(i)->p_type != PT_LOAD)
		i++;
	return i;
}

START_TEST(segment_overflows)
{
	program_header *load = segment(first_load());

	/* The sum is small again when it wraps round. */
	memset(&load->p_offset, 0xff, sizeof(load->p_offset));
	load->p_filesz = 2;
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
	load->p_offset = 2;
	memset(&load->p_filesz, 0xff, sizeof(load->p_filesz));
	ck_assert_int_eq(check(image_size), HY_E_NO_BACKEND);
}
END_TEST

/* Random damage to the headers: some answer, and no crash. */
START_TEST(random_damage)
{
	size_t headers = sizeof(file_header) + header()->e_phnum * sizeof(program_header);
	unsigned char *intact = malloc(image_size);
	uint32_t seed = 7;

	ck_assert_ptr_nonnull(intact);
	memcpy(intact, image, image_size);
	for (unsigned round = 0; round < 3000; round++) {
		memcpy(image, intact, image_size);
		for (unsigned i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525u + 1013904223u;
			image[4 + (seed >> 8) % (headers - 4)] = (unsigned char)seed;
		}
		check(image_size);
	}
	free(intact);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("elf");
	TCase *tcase = tcase_create("elf");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, whole);
	tcase_add_test(tcase, empty);
	tcase_add_test(tcase, missing);
	tcase_add_test(tcase, no_elf);
	tcase_add_test(tcase, not_regular);
	tcase_add_test(tcase, every_length);
	tcase_add_test(tcase, truncated_text);
#ifdef __x86_64__
	tcase_add_test(tcase, other_machine);
	tcase_add_test(tcase, other_class);
	tcase_add_test(tcase, other_byte_order);
#endif
	tcase_add_test(tcase, other_type);
	tcase_add_test(tcase, table_beyond);
	tcase_add_test(tcase, table_odd);
	tcase_add_test(tcase, segment_overflows);
	tcase_add_test(tcase, random_damage);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
