/* SPDX-License-Identifier: MIT */
/* The x86 part of the KVM backend. */
#ifndef HY_KVM_X86_H
#define HY_KVM_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

#include <hy/backend.h>
#include <hy/x86.h>

#define X86_INSN_MAX 15
#define X86_PAGE_SIZE 4096u

/* Sizes of the XSAVE image: without KVM_CAP_XSAVE2 it is this. */
#define X86_XSAVE_SIZE 4096

enum { X86_NOT_ASKED, X86_NO, X86_YES };

struct kvm_arch_host {
	struct hy_x86_cpuid *cpuid; /* what guests get by default */
	size_t cpuid_count;
	uint32_t gpa_bits;
	uint32_t pkru_offset; /* in the XSAVE image; 0: there is none */
	bool msr_exit;
	bool xcrs;              /* the processor has XCR0 */
	bool emulation_failure; /* KVM_CAP_EXIT_ON_EMULATION_FAILURE */
	bool exception_payload; /* KVM_CAP_EXCEPTION_PAYLOAD */
	int paging32;           /* atomic: X86_NOT_ASKED, X86_NO, X86_YES */
	int user_calls;         /* the same */
};

struct kvm_arch_vm {
	size_t xsave_size;
};

/* How the pending port access was made, where that is known already. */
enum x86_io_form {
	X86_IO_UNKNOWN,
	X86_IO_PLAIN, /* IN, OUT */
	X86_IO_STRING /* INS, OUTS, with REP or without */
};

/* A translation of a page of guest code, and all that it depends on. */
struct x86_page {
	bool valid;
	uint64_t linear;
	uint64_t gpa;
	uint64_t cr0, cr3, cr4, efer;
};

struct x86_assist;

struct kvm_arch_cpu {
	/* What the shared page (run->s.regs) has is what the vCPU has. */
	bool regs_valid;
	bool sregs_valid;
	enum x86_io_form io_form;
	struct x86_page page[2]; /* by the lowest bit of the page number */
	struct x86_assist *assist;
};

/* --- x86-cpuid.c -------------------------------------------------------------- */

int kvm_x86_cpuid_load(struct hy_backend_host *host);
int kvm_x86_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count);
/* Gives the vCPU its VM's table, with its own APIC id. */
int kvm_x86_cpuid_set(struct hy_backend_vcpu *vcpu);
/* What a vCPU reads for a leaf and subleaf: EAX, EBX, ECX, EDX. */
void kvm_x86_cpuid_answer(const struct hy_backend_vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
/* Lines as KVM_SET_CPUID2 takes them, with this APIC id, for free(); NULL: no memory. */
struct kvm_cpuid2 *kvm_x86_cpuid_table(const struct hy_x86_cpuid *lines, size_t count, uint32_t apic_id);
/* The line for a leaf and subleaf, or NULL. */
const struct hy_x86_cpuid *kvm_x86_cpuid_find(const struct hy_x86_cpuid *table, size_t count,
                                              uint32_t leaf, uint32_t subleaf);

/* --- x86-regs.c --------------------------------------------------------------- */

int kvm_x86_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values,
                     size_t count);
int kvm_x86_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values,
                     size_t count);
/* Makes the general registers in the shared page good. */
int kvm_x86_load_regs(struct hy_backend_vcpu *vcpu);
/* The same for segments, tables and control registers. */
int kvm_x86_load_sregs(struct hy_backend_vcpu *vcpu);
int kvm_x86_store_sregs(struct hy_backend_vcpu *vcpu, struct kvm_sregs *sregs);
int kvm_x86_load_debug(struct hy_backend_vcpu *vcpu, struct kvm_debugregs *debug);
int kvm_x86_store_debug(struct hy_backend_vcpu *vcpu, struct kvm_debugregs *debug);
/* XCR0; one that never changes where the processor has no XSAVE. */
int kvm_x86_load_xcr0(struct hy_backend_vcpu *vcpu, uint64_t *value);
int kvm_x86_store_xcr0(struct hy_backend_vcpu *vcpu, uint64_t value);
/* The vCPU takes the general registers from the shared page. */
void kvm_x86_mark_regs(struct kvm_run *run);
/* Where register number `n` is, by HY_X86_GENERAL and HY_X86_SEGMENT; NULL: there is none. */
__u64 *kvm_x86_general(struct kvm_regs *regs, uint32_t n);
struct kvm_segment *kvm_x86_segment(struct kvm_sregs *sregs, uint32_t n);

/* --- x86-paging.c -------------------------------------------------------------- */

struct kvm_host;

/* Whether guests can have paging outside of long mode; makes a VM once to find out. */
bool kvm_x86_has_paging32(struct kvm_host *host);
/* Refuses registers of which the kernel would drop CR0.PG. */
int kvm_x86_check_paging(struct hy_backend_vcpu *vcpu, const struct kvm_sregs *wanted);

/* --- x86-user.c ---------------------------------------------------------------- */

/* Whether SYSCALL and INT n of user mode reach the guest's kernel; runs a guest once to find out. */
bool kvm_x86_has_user_calls(struct kvm_host *host);

/* --- x86-segment.c ------------------------------------------------------------ */

void kvm_x86_segment_from_kvm(struct hy_segment *to, const struct kvm_segment *from);
void kvm_x86_segment_to_kvm(struct kvm_segment *to, const struct hy_segment *from);

/* --- x86-msr.c ---------------------------------------------------------------- */

/* The MSRs among `ids`; other registers are passed over. */
int kvm_x86_get_msrs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values,
                     size_t count);
int kvm_x86_set_msrs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values,
                     size_t count);
/* Makes accesses to the MSRs of the VM's options exits. */
int kvm_x86_msr_filter(struct hy_backend_vm *vm);

/* --- x86-fetch.c -------------------------------------------------------------- */

/* Whether this is 64-bit code. */
bool kvm_x86_is_long(const struct kvm_sregs *sregs);
/* The linear address of an offset into a segment. */
uint64_t kvm_x86_linear(const struct kvm_sregs *sregs, const struct kvm_segment *segment,
                        uint64_t offset);
/* Reads up to `size` bytes at a linear address; how many were there. */
size_t kvm_x86_read(struct hy_backend_vcpu *vcpu, uint64_t linear, void *data, size_t size);
/* Forgets the translations that kvm_x86_read has kept. */
void kvm_x86_forget_pages(struct hy_backend_vcpu *vcpu);

/* --- x86-io.c ----------------------------------------------------------------- */

/* What is known at a port access exit without asking the guest's memory. */
struct x86_io {
	uint16_t port;
	uint8_t size;
	bool write;
	uint32_t data; /* of an OUT, zero-extended */
	uint64_t rax;
	uint16_t dx;
	bool rf;       /* RFLAGS.RF */
	bool code64;
	uint8_t default_size; /* of an operand: 2 or 4 */
};

/* The ways to read the code around the instruction pointer, a bit each. */
#define X86_IO_PLAIN_AT 1u      /* IN or OUT, the pointer on it */
#define X86_IO_PLAIN_BEFORE 2u  /* OUT, the pointer past it */
#define X86_IO_STRING_AT 4u     /* REP INS or OUTS, or INS, the pointer on it */
#define X86_IO_STRING_BEFORE 8u /* OUTS, the pointer past it */

/*
 * Says which readings agree with the exit.  `before` ends at the instruction
 * pointer, `at` begins there.
 */
unsigned kvm_x86_io_readings(const struct x86_io *io, const uint8_t *before, size_t before_size,
                             const uint8_t *at, size_t at_size);
/* Whether the pending port access is a plain IN or OUT, or a string one. */
int kvm_x86_io_form(struct hy_backend_vcpu *vcpu, enum x86_io_form *form);
/* Puts the answer to a pending plain IN into RAX in the shared page. */
void kvm_x86_io_merge_in(struct hy_backend_vcpu *vcpu);

/* --- x86-exits.c -------------------------------------------------------------- */

struct xe_refusal;

/* Makes the exit a FAULT: neither KVM nor plugins/assist can execute the instruction at RIP. */
int kvm_x86_refused(struct hy_backend_vcpu *vcpu, const struct xe_refusal *refusal);

/* --- x86-assist.c, x86-assist-state.c ------------------------------------------ */

/* What it takes to execute instructions here; so that an exit allocates nothing. */
int kvm_x86_assist_create(struct hy_backend_vcpu *vcpu);
void kvm_x86_assist_free(struct kvm_arch_cpu *cpu);

/* --- x86-state.c -------------------------------------------------------------- */

/* The size of the XSAVE image. */
size_t kvm_x86_xsave_size(const struct hy_backend_vcpu *vcpu);
/* The components that it may have with a VM's CPUID table, as in XCR0. */
uint64_t kvm_x86_xstate(const struct hy_vm_options *options);

int kvm_x86_get_xsave(struct hy_backend_vcpu *vcpu, void *image, size_t *size);
int kvm_x86_set_xsave(struct hy_backend_vcpu *vcpu, const void *image, size_t size);

#endif /* HY_KVM_X86_H */
