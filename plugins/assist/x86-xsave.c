/* SPDX-License-Identifier: MIT */
/*
 * The x87, SSE and AVX state as an image: FXSAVE, FXRSTOR (SDM vol. 1, section
 * 10.5), XSAVE, XSAVEOPT, XRSTOR in standard form (chapter 13), and the host's view.
 *
 * The image is put together here and written in one piece, over what was there:
 * parts of it are not the instruction's.
 */
#include "fpu.h"

#define FXSAVE_SIZE 512u
#define XMM_OFFSET 160u
#define HEADER_OFFSET 512u
#define HEADER_END 576u
#define YMM_OFFSET 576u
#define MXCSR_OFFSET 24u
#define REGISTERS 16u

_Static_assert(YMM_OFFSET + REGISTERS * 16 == XE_XSAVE_SIZE, "all is there");

/* --- Parts of the image -------------------------------------------------------------------------------- */

/* `wide`: FIP and FDP have 64 bits; else 32 and a selector, which is zero (SDM vol. 1, table 10-2). */
static void save_x87(const struct xe_fpu *fpu, uint8_t *image, bool wide)
{
	memcpy(image, &fpu->fcw, 2);
	memcpy(image + 2, &fpu->fsw, 2);
	image[4] = fpu->ftw;
	image[5] = 0;
	memcpy(image + 6, &fpu->fop, 2);
	memset(image + 8, 0, 16);
	memcpy(image + 8, &fpu->fip, wide ? 8 : 4);
	memcpy(image + 16, &fpu->fdp, wide ? 8 : 4);
	for (unsigned i = 0; i < 8; i++) {
		memcpy(image + 32 + 16 * i, fpu->st[i], 10);
		memset(image + 42 + 16 * i, 0, 6);
	}
}

static void restore_x87(struct xe_fpu *fpu, const uint8_t *image, bool wide)
{
	uint16_t fcw, fsw;

	memcpy(&fcw, image, 2);
	memcpy(&fsw, image + 2, 2);
	xe_fpu_set_control(fpu, fcw, fsw);
	fpu->ftw = image[4];
	memcpy(&fpu->fop, image + 6, 2);
	fpu->fop &= 0x7ff;
	fpu->fip = fpu->fdp = 0;
	memcpy(&fpu->fip, image + 8, wide ? 8 : 4);
	memcpy(&fpu->fdp, image + 16, wide ? 8 : 4);
	memset(fpu->st, 0, sizeof(fpu->st));
	for (unsigned i = 0; i < 8; i++)
		memcpy(fpu->st[i], image + 32 + 16 * i, 10);
}

static void reset_x87(struct xe_fpu *fpu)
{
	xe_fpu_init(fpu);
	memset(fpu->st, 0, sizeof(fpu->st));
}

static void save_mxcsr(const struct xe_fpu *fpu, uint8_t *image)
{
	const uint32_t mask = XE_MXCSR_MASK;

	memcpy(image + MXCSR_OFFSET, &fpu->mxcsr, 4);
	memcpy(image + MXCSR_OFFSET + 4, &mask, 4);
}

static uint32_t mxcsr_of(const uint8_t *image)
{
	uint32_t mxcsr;

	memcpy(&mxcsr, image + MXCSR_OFFSET, 4);
	return mxcsr;
}

/* Halves of the first `count` vector registers: `half` 0 are the XMM registers, 1 is the rest of YMM. */
static void save_halves(const struct xe_fpu *fpu, uint8_t *bytes, unsigned half, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		memcpy(bytes + 16 * i, fpu->ymm[i].b + 16 * half, 16);
}

/* NULL: zeroes. */
static void restore_halves(struct xe_fpu *fpu, const uint8_t *bytes, unsigned half, unsigned count)
{
	static const uint8_t zeroes[16];

	for (unsigned i = 0; i < count; i++)
		memcpy(fpu->ymm[i].b + 16 * half, bytes ? bytes + 16 * i : zeroes, 16);
}

static unsigned registers(const struct xe_cpu *cpu)
{
	return xe_is_64(cpu) ? REGISTERS : REGISTERS / 2;
}

/* --- FXSAVE, FXRSTOR ------------------------------------------------------------------------------------ */

/* Unlike the SSE instructions these look at the segment first, which may be #SS. */
static enum xe_result check_place(struct xe_cpu *cpu, const struct xe_insn *insn, size_t alignment)
{
	uint64_t offset = xe_offset(cpu, insn), linear;
	enum xe_result r;

	r = xe_check_segment(cpu, &cpu->seg[insn->segment], insn->segment, offset, 1, HY_PROT_READ, &linear);
	return r == XE_OK ? xe_check_aligned(cpu, insn, alignment) : r;
}

/* #NM with CR0.EM too, and no word of what is pending. */
static enum xe_result begin_fxsave(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, false);

	return r == XE_OK ? check_place(cpu, insn, 16) : r;
}

/* Nobody keeps such an image in a device: not worth the many accesses. */
static enum xe_result refuse_outside(struct xe_cpu *cpu, enum xe_result r)
{
	struct xe_access access = cpu->access;

	if (r != XE_ACCESS)
		return r;
	xe_drop(cpu);
	return xe_refuse(cpu, XE_REFUSED_MEMORY, access.address, access.write ? HY_PROT_WRITE : HY_PROT_READ,
	                 "processor state outside of memory");
}

/* Reads the image's memory; for writing what forbids it is found now. */
static enum xe_result read_image(struct xe_cpu *cpu, const struct xe_insn *insn, uint8_t *image, size_t size,
                                 unsigned access)
{
	uint64_t offset = xe_offset(cpu, insn);
	enum xe_result r = xe_check(cpu, insn->segment, offset, size, access);

	if (r == XE_OK)
		r = xe_load_bytes(cpu, insn->segment, offset, image, size);
	return refuse_outside(cpu, r);
}

static enum xe_result write_image(struct xe_cpu *cpu, const struct xe_insn *insn, const uint8_t *image, size_t size)
{
	return refuse_outside(cpu, xe_store_bytes(cpu, insn->segment, xe_offset(cpu, insn), image, size));
}

/* Without CR4.OSFXSR the system doesn't know of SSE's registers, and they stay out of it. */
enum xe_result xe_fxsave(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t image[FXSAVE_SIZE];
	enum xe_result r = begin_fxsave(cpu, insn);

	if (r == XE_OK)
		r = read_image(cpu, insn, image, sizeof(image), HY_PROT_WRITE);
	if (r != XE_OK)
		return r;
	save_x87(&cpu->fpu, image, insn->op & XE_XSAVE_WIDE);
	save_mxcsr(&cpu->fpu, image);
	if (cpu->cr4 & HY_X86_CR4_OSFXSR)
		save_halves(&cpu->fpu, image + XMM_OFFSET, 0, registers(cpu));
	return write_image(cpu, insn, image, sizeof(image));
}

enum xe_result xe_fxrstor(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t image[FXSAVE_SIZE];
	enum xe_result r = begin_fxsave(cpu, insn);

	if (r == XE_OK)
		r = read_image(cpu, insn, image, sizeof(image), HY_PROT_READ);
	if (r != XE_OK)
		return r;
	if (mxcsr_of(image) & ~XE_MXCSR_MASK)
		return xe_raise_error(cpu, XE_GP, 0);
	restore_x87(&cpu->fpu, image, insn->op & XE_XSAVE_WIDE);
	cpu->fpu.mxcsr = mxcsr_of(image);
	if (cpu->cr4 & HY_X86_CR4_OSFXSR)
		restore_halves(&cpu->fpu, image + XMM_OFFSET, 0, registers(cpu));
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

/* --- XSAVE, XSAVEOPT, XRSTOR ------------------------------------------------------------------------------ */

/* `features` gets those that are asked for and enabled: RFBM. */
static enum xe_result begin_xsave(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t *features)
{
	enum xe_result r;

	if (!(cpu->cr4 & HY_X86_CR4_OSXSAVE))
		return xe_raise(cpu, XE_UD);
	r = xe_need(cpu, XE_PART_FPU);
	if (r != XE_OK)
		return r;
	if (cpu->cr0 & HY_X86_CR0_TS)
		return xe_raise(cpu, XE_NM);
	*features = (xe_gpr(cpu, XE_RAX, 4) | xe_gpr(cpu, XE_RDX, 4) << 32) & cpu->xcr0;
	return check_place(cpu, insn, 64);
}

static size_t image_size(uint64_t features)
{
	return features & XE_XSTATE_AVX ? XE_XSAVE_SIZE : HEADER_END;
}

static bool is_zero(const struct xe_fpu *fpu, unsigned half, unsigned count)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < count; i++)
		any |= fpu->ymm[i].q[2 * half] | fpu->ymm[i].q[2 * half + 1];
	return !any;
}

static bool is_x87_reset(const struct xe_fpu *fpu)
{
	static const uint8_t zeroes[sizeof(fpu->st)];

	return fpu->fcw == XE_FCW_RESET && !fpu->fsw && !fpu->ftw && !fpu->fop && !fpu->fip && !fpu->fdp &&
	       !memcmp(fpu->st, zeroes, sizeof(zeroes));
}

/* XINUSE (SDM vol. 1, section 13.6): what isn't in its initial configuration. */
static uint64_t in_use(const struct xe_cpu *cpu)
{
	unsigned count = registers(cpu);

	return (is_x87_reset(&cpu->fpu) ? 0 : XE_XSTATE_X87) | (is_zero(&cpu->fpu, 0, count) ? 0 : XE_XSTATE_SSE) |
	       (is_zero(&cpu->fpu, 1, count) ? 0 : XE_XSTATE_AVX);
}

static void save_features(const struct xe_cpu *cpu, uint64_t features, bool wide, uint8_t *image)
{
	if (features & XE_XSTATE_X87)
		save_x87(&cpu->fpu, image, wide);
	if (features & XE_XSTATE_SSE)
		save_halves(&cpu->fpu, image + XMM_OFFSET, 0, registers(cpu));
	if (features & XE_XSTATE_AVX)
		save_halves(&cpu->fpu, image + YMM_OFFSET, 1, registers(cpu));
}

/* Of the header only XSTATE_BV changes, and of it the bits that are asked for (SDM vol. 1, sections 13.7, 13.9). */
enum xe_result xe_xsave(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t image[XE_XSAVE_SIZE];
	uint64_t features, used, saved;
	enum xe_result r = begin_xsave(cpu, insn, &features);

	if (r == XE_OK)
		r = read_image(cpu, insn, image, image_size(features), HY_PROT_WRITE);
	if (r != XE_OK)
		return r;
	used = in_use(cpu);
	save_features(cpu, insn->op & XE_XSAVE_OPT ? features & used : features, insn->op & XE_XSAVE_WIDE, image);
	if (features & (XE_XSTATE_SSE | XE_XSTATE_AVX))
		save_mxcsr(&cpu->fpu, image);
	memcpy(&saved, image + HEADER_OFFSET, 8);
	saved = (saved & ~features) | (used & features);
	memcpy(image + HEADER_OFFSET, &saved, 8);
	return write_image(cpu, insn, image, image_size(features));
}

/* What XRSTOR says of the header (SDM vol. 1, section 13.8.1): standard form, nothing unknown. */
static bool header_ok(const uint8_t *image, uint64_t known, uint64_t *saved)
{
	static const uint8_t zeroes[16];

	memcpy(saved, image + HEADER_OFFSET, 8);
	return !(*saved & ~known) && !memcmp(image + HEADER_OFFSET + 8, zeroes, sizeof(zeroes));
}

/* Of `features` those that the image hasn't are reset. */
static void restore_features(struct xe_fpu *fpu, const uint8_t *image, uint64_t features, uint64_t saved, bool wide,
                             unsigned count)
{
	if ((features & XE_XSTATE_X87) && (saved & XE_XSTATE_X87))
		restore_x87(fpu, image, wide);
	else if (features & XE_XSTATE_X87)
		reset_x87(fpu);
	if (features & XE_XSTATE_SSE)
		restore_halves(fpu, saved & XE_XSTATE_SSE ? image + XMM_OFFSET : NULL, 0, count);
	if (features & XE_XSTATE_AVX)
		restore_halves(fpu, saved & XE_XSTATE_AVX ? image + YMM_OFFSET : NULL, 1, count);
	if (features & (XE_XSTATE_SSE | XE_XSTATE_AVX))
		fpu->mxcsr = mxcsr_of(image);
}

enum xe_result xe_xrstor(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t image[XE_XSAVE_SIZE];
	uint64_t features, saved;
	enum xe_result r = begin_xsave(cpu, insn, &features);

	if (r == XE_OK)
		r = read_image(cpu, insn, image, image_size(features), HY_PROT_READ);
	if (r != XE_OK)
		return r;
	if (!header_ok(image, cpu->xcr0, &saved))
		return xe_raise_error(cpu, XE_GP, 0);
	if ((features & (XE_XSTATE_SSE | XE_XSTATE_AVX)) && (mxcsr_of(image) & ~XE_MXCSR_MASK))
		return xe_raise_error(cpu, XE_GP, 0);
	restore_features(&cpu->fpu, image, features, saved, insn->op & XE_XSAVE_WIDE, registers(cpu));
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

/* --- The host's view ---------------------------------------------------------------------------------------- */

static uint64_t known_features(const struct xe_cpu *cpu)
{
	return XE_XSTATE_X87 | XE_XSTATE_SSE | (cpu->features & XE_HAS_AVX ? XE_XSTATE_AVX : 0);
}

/* All that the processor has, as in use: of equal state equal images. */
void xe_get_xsave(const struct xe_cpu *cpu, uint8_t image[XE_XSAVE_SIZE])
{
	uint64_t features = known_features(cpu);

	memset(image, 0, XE_XSAVE_SIZE);
	save_x87(&cpu->fpu, image, true);
	save_mxcsr(&cpu->fpu, image);
	save_halves(&cpu->fpu, image + XMM_OFFSET, 0, REGISTERS);
	if (features & XE_XSTATE_AVX)
		save_halves(&cpu->fpu, image + YMM_OFFSET, 1, REGISTERS);
	memcpy(image + HEADER_OFFSET, &features, 8);
}

bool xe_set_xsave(struct xe_cpu *cpu, const uint8_t image[XE_XSAVE_SIZE])
{
	uint64_t features = known_features(cpu), saved;

	if (!header_ok(image, features, &saved) || (mxcsr_of(image) & ~XE_MXCSR_MASK))
		return false;
	restore_features(&cpu->fpu, image, features, saved, true, REGISTERS);
	cpu->changed |= XE_PART_FPU;
	return true;
}
