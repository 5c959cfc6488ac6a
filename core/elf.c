/* SPDX-License-Identifier: MIT */
#include "elf-file.h"

#ifdef __ELF__

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if UINTPTR_MAX > UINT32_MAX
typedef Elf64_Ehdr file_header;
typedef Elf64_Phdr program_header;
#else
typedef Elf32_Ehdr file_header;
typedef Elf32_Phdr program_header;
#endif

/* The ELF header of what this code is linked into, from the linker. */
extern const unsigned char __ehdr_start[] __attribute__((visibility("hidden")));

/* The part of the header that is alike for both classes. */
struct kind {
	unsigned char ident[EI_NIDENT];
	uint16_t type;
	uint16_t machine;
};

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_X86_64, "x86-64" },       { EM_386, "x86" },
	{ EM_AARCH64, "AArch64" },     { EM_ARM, "ARM" },
	{ EM_PPC, "PowerPC" },         { EM_PPC64, "PowerPC64" },
	{ EM_S390, "IBM Z" },          { EM_MIPS, "MIPS" },
	{ EM_SPARCV9, "SPARC V9" },
#ifdef EM_RISCV
	{ EM_RISCV, "RISC-V" },
#endif
#ifdef EM_LOONGARCH
	{ EM_LOONGARCH, "LoongArch" },
#endif
};

static const char *machine_name(uint16_t machine, char *room, size_t size)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine == machine)
			return machines[i].name;
	}
	snprintf(room, size, "ELF machine %u", machine);
	return room;
}

static uint16_t swap16(uint16_t value)
{
	return (uint16_t)(value << 8 | value >> 8);
}

static const char *class_name(const struct kind *kind)
{
	return kind->ident[EI_CLASS] == ELFCLASS64 ? "64-bit " : "32-bit ";
}

static const char *order_name(const struct kind *kind)
{
	return kind->ident[EI_DATA] == ELFDATA2MSB ? "big-endian " : "little-endian ";
}

/* Says in what the two differ, and no more. */
static int refuse_kind(const struct kind *file, const struct kind *own, struct hy__verdict *verdict)
{
	bool other_class = file->ident[EI_CLASS] != own->ident[EI_CLASS];
	bool other_order = file->ident[EI_DATA] != own->ident[EI_DATA];
	uint16_t machine = other_order ? swap16(file->machine) : file->machine;
	char file_room[32], own_room[32];

	return hy__refuse(verdict, HY_STAGE_SCAN, "built for %s%s%s, this process is %s%s%s",
	                  other_class ? class_name(file) : "", other_order ? order_name(file) : "",
	                  machine_name(machine, file_room, sizeof(file_room)),
	                  other_class ? class_name(own) : "", other_order ? order_name(own) : "",
	                  machine_name(own->machine, own_room, sizeof(own_room)));
}

static int check_kind(const struct kind *file, struct hy__verdict *verdict)
{
	struct kind own;

	memcpy(&own, __ehdr_start, sizeof(own));
	if (file->ident[EI_CLASS] != own.ident[EI_CLASS] ||
	    file->ident[EI_DATA] != own.ident[EI_DATA] || file->machine != own.machine)
		return refuse_kind(file, &own, verdict);
	if (file->type != ET_DYN)
		return hy__refuse(verdict, HY_STAGE_SCAN, "not a shared library (ELF type %u)",
		                  file->type);
	return 0;
}

/* --- Reading --------------------------------------------------------------------- */

struct file {
	int fd;
	uint64_t size;
};

/* Reads up to `size` bytes, fewer only at the end; returns how many, or -1. */
static ssize_t read_at(int fd, void *data, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, (char *)data + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int open_file(const char *path, struct file *file, struct hy__verdict *verdict)
{
	struct stat st;

	/* Non-blocking, or a FIFO that came in its place would hang us. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return hy__refuse_errno(verdict, HY_STAGE_SCAN, errno, "open");
	if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(file->fd);
		return hy__refuse(verdict, HY_STAGE_SCAN, "not a regular file");
	}
	file->size = (uint64_t)st.st_size;
	return 0;
}

/* Reads what must be there; `what` is in the message when it isn't. */
static int read_whole(const struct file *file, void *data, size_t size, uint64_t offset,
                      const char *what, struct hy__verdict *verdict)
{
	ssize_t got = read_at(file->fd, data, size, offset);

	if (got < 0)
		return hy__refuse_errno(verdict, HY_STAGE_SCAN, errno, "read");
	if ((size_t)got < size)
		return hy__refuse(verdict, HY_STAGE_SCAN, "truncated: %llu bytes, its %s need %llu",
		                  (unsigned long long)file->size, what,
		                  (unsigned long long)offset + size);
	return 0;
}

/* --- The checks ------------------------------------------------------------------- */

static int read_header(const struct file *file, file_header *header, struct hy__verdict *verdict)
{
	struct kind kind;
	int status;

	memset(header, 0, sizeof(*header));
	if (file->size == 0)
		return hy__refuse(verdict, HY_STAGE_SCAN, "empty file");
	if (read_at(file->fd, header, SELFMAG, 0) < 0)
		return hy__refuse_errno(verdict, HY_STAGE_SCAN, errno, "read");
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return hy__refuse(verdict, HY_STAGE_SCAN, "not a shared library (no ELF header)");
	/* A header of the other class may be shorter than ours. */
	status = read_whole(file, &kind, sizeof(kind), 0, "headers", verdict);
	if (status == 0)
		status = check_kind(&kind, verdict);
	if (status == 0)
		status = read_whole(file, header, sizeof(*header), 0, "headers", verdict);
	return status;
}

/* Raises `*end` to the end of a range; fails when the sum is no file offset. */
static int raise_end(uint64_t *end, uint64_t offset, uint64_t size, struct hy__verdict *verdict)
{
	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return hy__refuse(verdict, HY_STAGE_SCAN,
		                  "damaged: a segment ends beyond any file");
	if (offset + size > *end)
		*end = offset + size;
	return 0;
}

static int check_segments(const struct file *file, const file_header *header,
                          struct hy__verdict *verdict)
{
	uint64_t end = 0;
	int status = 0;

	for (unsigned i = 0; i < header->e_phnum && status == 0; i++) {
		uint64_t offset = header->e_phoff + (uint64_t)i * sizeof(program_header);
		program_header segment;

		status = read_whole(file, &segment, sizeof(segment), offset, "headers", verdict);
		if (status == 0 && segment.p_type == PT_LOAD)
			status = raise_end(&end, segment.p_offset, segment.p_filesz, verdict);
	}
	if (status == 0 && end > file->size)
		return hy__refuse(verdict, HY_STAGE_SCAN,
		                  "truncated: %llu bytes, its segments need %llu",
		                  (unsigned long long)file->size, (unsigned long long)end);
	return status;
}

static int check_table(const struct file *file, const file_header *header,
                       struct hy__verdict *verdict)
{
	uint64_t end = 0;
	int status;

	if (header->e_phnum == 0 || header->e_phentsize != sizeof(program_header))
		return hy__refuse(verdict, HY_STAGE_SCAN, "damaged: %u program headers of %u bytes",
		                  header->e_phnum, header->e_phentsize);
	status = raise_end(&end, header->e_phoff,
	                   (uint64_t)header->e_phnum * sizeof(program_header), verdict);
	if (status == 0 && end > file->size)
		return hy__refuse(verdict, HY_STAGE_SCAN,
		                  "truncated: %llu bytes, its headers need %llu",
		                  (unsigned long long)file->size, (unsigned long long)end);
	return status;
}

int hy__elf_check(const char *path, struct hy__verdict *verdict)
{
	struct file file = { .fd = -1 };
	file_header header;
	int status;

	status = open_file(path, &file, verdict);
	if (status != 0)
		return status;
	status = read_header(&file, &header, verdict);
	if (status == 0)
		status = check_table(&file, &header, verdict);
	if (status == 0)
		status = check_segments(&file, &header, verdict);
	close(file.fd);
	return status;
}

#else /* Mach-O, PE: their loaders say what is wrong */

int hy__elf_check(const char *path, struct hy__verdict *verdict)
{
	(void)path;
	(void)verdict;
	return 0;
}

#endif
