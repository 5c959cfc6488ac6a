/* SPDX-License-Identifier: MIT */
#include "hy-run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hy/x86.h>

#define FOUR_GIB (UINT64_C(1) << 32)
#define FIRMWARE_MAX (UINT64_C(16) << 20)
#define READ_FIRST ((size_t)64 << 10)
#define FIRMWARE_MIN 16 /* from the reset vector to the end */
#define SHADOW_END UINT64_C(0x100000)
#define SHADOW_MAX UINT64_C(0x20000)
#define SEGMENT_SIZE UINT64_C(0x10000)

/* --- The file ------------------------------------------------------------------- */

static int grow(struct image *image, size_t *room, size_t limit)
{
	size_t larger = *room > limit / 2 ? limit : *room * 2;
	uint8_t *bytes = realloc(image->bytes, larger);

	if (!bytes)
		return ENOMEM;
	image->bytes = bytes;
	*room = larger;
	return 0;
}

/* Reads up to `limit` bytes; the file may be a pipe, which doesn't tell its size. */
static int read_all(FILE *file, size_t limit, struct image *image)
{
	size_t room = READ_FIRST;
	int err = 0;

	while (err == 0 && image->size < limit && !feof(file)) {
		if (image->size == room || !image->bytes)
			err = grow(image, &room, limit);
		if (err == 0)
			image->size += fread(image->bytes + image->size, 1, room - image->size, file);
		if (ferror(file))
			err = errno;
	}
	return err;
}

/* The most that can be loaded. */
static uint64_t image_room(const struct settings *settings)
{
	return settings->firmware ? FIRMWARE_MAX : settings->memory - settings->address;
}

static int check_size(const struct settings *settings, const struct image *image)
{
	const char *path = settings->image;
	uint64_t room = image_room(settings);

	if (image->size == 0)
		complain("%s: the file is empty", path);
	else if (settings->firmware && image->size < FIRMWARE_MIN)
		complain("%s: too short for firmware: the reset vector is %d bytes before its end", path,
		         FIRMWARE_MIN);
	else if (image->size > room && settings->firmware)
		complain("%s: larger than %" PRIu64 " bytes, the most for firmware", path, room);
	else if (image->size > room)
		complain("%s: larger than the %" PRIu64 " bytes from 0x%" PRIx64 " to the end of memory",
		         path, room, settings->address);
	else
		return 0;
	return STATUS_USAGE;
}

int image_read(const struct settings *settings, struct image *image)
{
	size_t limit = (size_t)image_room(settings) + 1; /* one more tells "too large" */
	int err, status;
	FILE *file;

	*image = (struct image){ NULL, 0 };
	file = fopen(settings->image, "rb");
	if (!file) {
		complain("open %s: %s", settings->image, strerror(errno));
		return STATUS_USAGE;
	}
	err = read_all(file, limit, image);
	fclose(file);
	if (err) {
		complain("read %s: %s", settings->image, strerror(err));
		status = err == ENOMEM ? STATUS_FAILED : STATUS_USAGE;
	} else {
		status = check_size(settings, image);
	}
	if (status != 0)
		image_free(image);
	return status;
}

void image_free(struct image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

/* --- Guest memory ----------------------------------------------------------------- */

/* At the end of 4 GiB, and what fits of its end below 1 MiB, as chipsets show it after reset. */
static int load_firmware(const struct settings *settings, struct hy_vm *vm, const struct image *image, uint64_t granule)
{
	uint32_t prot = settings->shadow ? HY_PROT_RWX : HY_PROT_RX;
	uint64_t rom = (image->size + granule - 1) / granule * granule;
	size_t shadow = image->size < SHADOW_MAX ? image->size : SHADOW_MAX;

	if (hy_vm_alloc_memory(vm, FOUR_GIB - rom, rom, prot, 0) != 0 ||
	    hy_vm_write(vm, FOUR_GIB - image->size, image->bytes, image->size) != 0 ||
	    hy_vm_write(vm, SHADOW_END - shadow, image->bytes + image->size - shadow, shadow) != 0)
		return complain_hy(STATUS_FAILED);
	return 0;
}

int image_load(const struct settings *settings, const struct image *image, struct hy_host *host,
               struct hy_vm *vm)
{
	struct hy_cap granule;

	if (hy_host_cap(host, HY_CAP_GRANULE, &granule) != 0)
		return complain_hy(STATUS_FAILED);
	if (settings->memory % granule.value != 0) {
		complain("--memory: not a multiple of %" PRIu64 " bytes, as this host needs",
		         granule.value);
		return STATUS_USAGE;
	}
	if (hy_vm_alloc_memory(vm, 0, settings->memory, HY_PROT_RWX, 0) != 0)
		return complain_hy(STATUS_FAILED);
	if (settings->firmware)
		return load_firmware(settings, vm, image, granule.value);
	if (hy_vm_write(vm, settings->address, image->bytes, image->size) != 0)
		return complain_hy(STATUS_FAILED);
	return 0;
}

/* --- Registers ---------------------------------------------------------------------- */

static union hy_value real_mode_segment(uint64_t base, uint16_t attributes)
{
	union hy_value value = { .segment = { .base = base,
		                              .limit = SEGMENT_SIZE - 1,
		                              .selector = (uint16_t)(base >> 4),
		                              .attributes = attributes } };

	return value;
}

/*
 * All segments where the image is, so that it can be linked at 0, and the stack
 * at the end of the segment or of memory.
 */
static int start_flat(const struct settings *settings, struct hy_vcpu *vcpu)
{
	static const hy_reg ids[] = { HY_X86_CS, HY_X86_DS, HY_X86_ES, HY_X86_SS, HY_X86_RIP, HY_X86_RSP };
	union hy_value values[sizeof(ids) / sizeof(ids[0])] = { 0 };
	uint64_t base = settings->address & ~UINT64_C(0xf);
	uint64_t above = settings->memory - base;

	values[0] = real_mode_segment(base, HY_X86_ATTR_CODE16);
	for (size_t i = 1; i < 4; i++)
		values[i] = real_mode_segment(base, HY_X86_ATTR_DATA16);
	values[4].u64 = settings->address - base;
	values[5].u64 = above < SEGMENT_SIZE ? above & ~UINT64_C(1) : 0;

	if (hy_vcpu_set_regs(vcpu, ids, values, sizeof(ids) / sizeof(ids[0])) != 0)
		return complain_hy(STATUS_FAILED);
	return 0;
}

int image_start(const struct settings *settings, struct hy_vcpu *vcpu)
{
	/* Firmware starts at the reset vector, where a new vCPU is. */
	return settings->firmware ? 0 : start_flat(settings, vcpu);
}
