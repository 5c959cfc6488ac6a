/* SPDX-License-Identifier: MIT */
/*
 * Telling IN and OUT from INS and OUTS, which KVM doesn't.  At a plain port
 * access the general registers may be used, at a string one not, since there
 * hosts have moved RSI, RDI and RCX already or not.
 *
 * The guest's code decides.  For IN and INS the instruction pointer is on it.
 * For OUT it is on it or past it, depending on who in the kernel did it; for
 * OUTS it is past it, or on it with RFLAGS.RF when there is a REP.
 */
#include <string.h>

#include "kvm.h"

#define BEFORE_SIZE 8

/* Prefixes (SDM vol. 2, section 2.1.1). */
#define PREFIX_OPERAND 0x66

/* --- Decoding --------------------------------------------------------------------------- */

/* Port instructions: 6C-6F ins, outs; E4-E7 with an immediate port; EC-EF with DX. */
static bool is_string(uint8_t opcode)
{
	return (opcode & 0xfc) == 0x6c;
}

static bool is_immediate(uint8_t opcode)
{
	return (opcode & 0xfc) == 0xe4;
}

static bool is_dx(uint8_t opcode)
{
	return (opcode & 0xfc) == 0xec;
}

static bool is_legacy_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: /* segments */
	case PREFIX_OPERAND: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	default:
		return false;
	}
}

static bool is_rex(const struct x86_io *io, uint8_t byte)
{
	return io->code64 && (byte & 0xf0) == 0x40;
}

/* Direction, and the port where the opcode tells it. */
static bool fits(const struct x86_io *io, uint8_t opcode, uint8_t immediate)
{
	if (((opcode & 2) != 0) != io->write)
		return false;
	if (is_immediate(opcode))
		return immediate == io->port;
	return (is_string(opcode) || is_dx(opcode)) && io->dx == io->port;
}

static bool fits_size(const struct x86_io *io, uint8_t opcode, uint8_t operand_size)
{
	return io->size == (opcode & 1 ? operand_size : 1);
}

/* The instruction that begins at the pointer. */
static unsigned read_at(const struct x86_io *io, const uint8_t *code, size_t size)
{
	uint8_t operand_size = io->default_size;
	bool repeated = false;
	size_t i;

	for (i = 0; i < size && (is_legacy_prefix(code[i]) || is_rex(io, code[i])); i++) {
		if (code[i] == PREFIX_OPERAND)
			operand_size = io->default_size == 4 ? 2 : 4;
		if (code[i] == 0xf2 || code[i] == 0xf3)
			repeated = true;
	}
	if (i == size || !fits(io, code[i], i + 1 < size ? code[i + 1] : 0) ||
	    (is_immediate(code[i]) && i + 1 == size))
		return 0;
	if (is_string(code[i])) {
		bool moved = io->write && !(repeated && io->rf);

		return !moved && fits_size(io, code[i], operand_size) ? X86_IO_STRING_AT : 0;
	}
	/* Ports take no 64-bit operands, so that REX.W changes nothing. */
	return fits_size(io, code[i], operand_size) ? X86_IO_PLAIN_AT : 0;
}

/*
 * The instruction that ends at the pointer.  Where it begins isn't known, so
 * that a 66 in front of it may be its prefix or not.
 */
static unsigned read_before(const struct x86_io *io, const uint8_t *code, size_t size)
{
	const uint8_t *end = code + size;
	unsigned readings = 0;

	if (!io->write)
		return 0;
	if (size >= 1 && !is_immediate(end[-1]) && fits(io, end[-1], 0) &&
	    (end[-1] & 1) == (io->size > 1))
		readings |= is_string(end[-1]) ? X86_IO_STRING_BEFORE : X86_IO_PLAIN_BEFORE;
	if (size >= 2 && is_immediate(end[-2]) && fits(io, end[-2], end[-1]) &&
	    (end[-2] & 1) == (io->size > 1))
		readings |= X86_IO_PLAIN_BEFORE;
	return readings;
}

unsigned kvm_x86_io_readings(const struct x86_io *io, const uint8_t *before, size_t before_size,
                             const uint8_t *at, size_t at_size)
{
	return read_before(io, before, before_size) | read_at(io, at, at_size);
}

/* --- The exit at hand ------------------------------------------------------------------------ */

static uint32_t low_bytes(uint64_t value, uint8_t size)
{
	return size == 4 ? (uint32_t)value : (uint32_t)(value & ((1u << size * 8) - 1));
}

static void describe(const struct kvm_run *run, struct x86_io *io)
{
	const struct kvm_sregs *sregs = &run->s.regs.sregs;

	memset(io, 0, sizeof(*io));
	io->port = run->io.port;
	io->size = run->io.size;
	io->write = run->io.direction == KVM_EXIT_IO_OUT;
	if (io->write)
		memcpy(&io->data, (const uint8_t *)run + run->io.data_offset, io->size);
	io->rax = run->s.regs.regs.rax;
	io->dx = (uint16_t)run->s.regs.regs.rdx;
	io->rf = (run->s.regs.regs.rflags & HY_X86_RFLAGS_RF) != 0;
	io->code64 = kvm_x86_is_long(sregs);
	io->default_size = io->code64 || sregs->cs.db ? 4 : 2;
}

/* Bytes in front of a linear address, at most BEFORE_SIZE and fewer at a hole. */
static size_t fetch_before(struct hy_backend_vcpu *be, uint64_t linear, uint8_t *code)
{
	size_t in_page = (size_t)(linear % X86_PAGE_SIZE);

	if (kvm_x86_read(be, linear - BEFORE_SIZE, code, BEFORE_SIZE) == BEFORE_SIZE)
		return BEFORE_SIZE;
	if (in_page >= BEFORE_SIZE)
		return 0;
	return kvm_x86_read(be, linear - in_page, code, in_page);
}

static unsigned fetch_readings(struct hy_backend_vcpu *be, const struct x86_io *io)
{
	const struct kvm_run *run = kvm_cpu_of(be)->run;
	const struct kvm_sregs *sregs = &run->s.regs.sregs;
	uint64_t linear = kvm_x86_linear(sregs, &sregs->cs, run->s.regs.regs.rip);
	uint8_t before[BEFORE_SIZE], at[X86_INSN_MAX];
	size_t before_size = io->write ? fetch_before(be, linear, before) : 0;
	size_t at_size = kvm_x86_read(be, linear, at, sizeof(at));

	return kvm_x86_io_readings(io, before, before_size, at, at_size);
}

/*
 * Whether the item that OUTS would have just taken from memory is what came
 * out.  Only asked where the code allows both, as in "mov $0x6e, %al; out".
 */
static bool is_item_in_memory(struct hy_backend_vcpu *be, const struct x86_io *io)
{
	const struct kvm_run *run = kvm_cpu_of(be)->run;
	const struct kvm_sregs *sregs = &run->s.regs.sregs;
	bool down = (run->s.regs.regs.rflags & HY_X86_RFLAGS_DF) != 0;
	uint64_t rsi = run->s.regs.regs.rsi + (down ? io->size : -(uint64_t)io->size);
	uint32_t item = 0;

	if (!io->code64)
		rsi &= sregs->cs.db ? UINT32_MAX : UINT16_MAX;
	return kvm_x86_read(be, kvm_x86_linear(sregs, &sregs->ds, rsi), &item, io->size) == io->size &&
	       item == io->data;
}

static bool decide(struct hy_backend_vcpu *be, const struct x86_io *io, unsigned readings)
{
	if (readings & X86_IO_STRING_AT)
		return false;
	if (!(readings & (X86_IO_PLAIN_AT | X86_IO_PLAIN_BEFORE)))
		return false;
	return !(readings & X86_IO_STRING_BEFORE) || !is_item_in_memory(be, io);
}

/* From here on the segments come with each exit: whoever asks once asks again. */
static int find_form(struct hy_backend_vcpu *be, enum x86_io_form *form)
{
	struct kvm_run *run = kvm_cpu_of(be)->run;
	struct x86_io io;
	unsigned readings;
	int r;

	*form = X86_IO_STRING;
	if (run->io.count > 1)
		return 0;
	run->kvm_valid_regs |= KVM_SYNC_X86_SREGS;
	r = kvm_x86_load_regs(be);
	if (!r)
		r = kvm_x86_load_sregs(be);
	if (r)
		return r;
	describe(run, &io);
	if (io.write && io.data != low_bytes(io.rax, io.size))
		return 0;
	readings = fetch_readings(be, &io);
	if (!readings) {
		/* The guest may have changed its page tables behind our back. */
		kvm_x86_forget_pages(be);
		readings = fetch_readings(be, &io);
	}
	if (decide(be, &io, readings))
		*form = X86_IO_PLAIN;
	return 0;
}

int kvm_x86_io_form(struct hy_backend_vcpu *be, enum x86_io_form *form)
{
	struct kvm_arch_cpu *arch = &kvm_cpu_of(be)->arch;
	int r = 0;

	*form = arch->io_form;
	if (*form == X86_IO_UNKNOWN) {
		r = find_form(be, form);
		if (!r)
			arch->io_form = *form;
	}
	return r;
}

/*
 * Some kernels throw an IN's data away when general registers are written
 * before it is finished.  Those that don't put the same bytes there again.
 */
void kvm_x86_io_merge_in(struct hy_backend_vcpu *be)
{
	struct kvm_run *run = kvm_cpu_of(be)->run;
	__u64 *rax = &run->s.regs.regs.rax;
	uint32_t data = 0;

	memcpy(&data, (const uint8_t *)run + run->io.data_offset, run->io.size);
	if (run->io.size == 4)
		*rax = data;
	else
		*rax = (*rax & ~(__u64)low_bytes(UINT64_MAX, run->io.size)) | data;
}
