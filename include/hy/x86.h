/* SPDX-License-Identifier: MIT */
/*
 * hy/x86.h - registers and constants of x86-64 guests.
 *
 * "SDM" is Intel's Software Developer's Manual (253665 and following), "APM"
 * AMD's Architecture Programmer's Manual (24593); the section is named with
 * each group.  Everything is "Since 0.1".
 */
#ifndef HY_X86_H
#define HY_X86_H

#include <hy/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Register ids ------------------------------------------------------- */

/* Classes, the `cls` of HY_REG. */
#define HY_X86_CLASS_GENERAL 1
#define HY_X86_CLASS_IP 2
#define HY_X86_CLASS_FLAGS 3
#define HY_X86_CLASS_SEGMENT 4
#define HY_X86_CLASS_TABLE 5
#define HY_X86_CLASS_CONTROL 6
#define HY_X86_CLASS_DEBUG 7
#define HY_X86_CLASS_MSR 8

#define HY_X86_REG(size, cls, index) HY_REG(HY_ARCH_X86_64, size, cls, index)

/* General registers, by their number in instruction encodings (SDM vol. 2, table 2-2). */
#define HY_X86_GENERAL(n) HY_X86_REG(8, HY_X86_CLASS_GENERAL, n)
#define HY_X86_RAX HY_X86_GENERAL(0)
#define HY_X86_RCX HY_X86_GENERAL(1)
#define HY_X86_RDX HY_X86_GENERAL(2)
#define HY_X86_RBX HY_X86_GENERAL(3)
#define HY_X86_RSP HY_X86_GENERAL(4)
#define HY_X86_RBP HY_X86_GENERAL(5)
#define HY_X86_RSI HY_X86_GENERAL(6)
#define HY_X86_RDI HY_X86_GENERAL(7)
#define HY_X86_R8 HY_X86_GENERAL(8)
#define HY_X86_R9 HY_X86_GENERAL(9)
#define HY_X86_R10 HY_X86_GENERAL(10)
#define HY_X86_R11 HY_X86_GENERAL(11)
#define HY_X86_R12 HY_X86_GENERAL(12)
#define HY_X86_R13 HY_X86_GENERAL(13)
#define HY_X86_R14 HY_X86_GENERAL(14)
#define HY_X86_R15 HY_X86_GENERAL(15)

/* Relative to the base of CS, as the processor holds them. */
#define HY_X86_RIP HY_X86_REG(8, HY_X86_CLASS_IP, 0)
#define HY_X86_RFLAGS HY_X86_REG(8, HY_X86_CLASS_FLAGS, 0)

/* Segments with their hidden part: hy_value.segment.  Order of SDM vol. 2, table 3-1. */
#define HY_X86_SEGMENT(n) HY_X86_REG(16, HY_X86_CLASS_SEGMENT, n)
#define HY_X86_ES HY_X86_SEGMENT(0)
#define HY_X86_CS HY_X86_SEGMENT(1)
#define HY_X86_SS HY_X86_SEGMENT(2)
#define HY_X86_DS HY_X86_SEGMENT(3)
#define HY_X86_FS HY_X86_SEGMENT(4)
#define HY_X86_GS HY_X86_SEGMENT(5)
#define HY_X86_LDTR HY_X86_SEGMENT(6)
#define HY_X86_TR HY_X86_SEGMENT(7)

/* Tables: hy_value.segment, of it base and limit (16 bits). */
#define HY_X86_GDTR HY_X86_REG(16, HY_X86_CLASS_TABLE, 0)
#define HY_X86_IDTR HY_X86_REG(16, HY_X86_CLASS_TABLE, 1)

/* Control registers by number; EFER and XCR0 stand with them, apart from the numbers. */
#define HY_X86_CONTROL(n) HY_X86_REG(8, HY_X86_CLASS_CONTROL, n)
#define HY_X86_CR0 HY_X86_CONTROL(0)
#define HY_X86_CR2 HY_X86_CONTROL(2)
#define HY_X86_CR3 HY_X86_CONTROL(3)
#define HY_X86_CR4 HY_X86_CONTROL(4)
#define HY_X86_CR8 HY_X86_CONTROL(8)
#define HY_X86_XCR0 HY_X86_CONTROL(0x100)
#define HY_X86_EFER HY_X86_CONTROL(0x101)

/* Debug registers by number: 0 to 3, 6, 7. */
#define HY_X86_DEBUG(n) HY_X86_REG(8, HY_X86_CLASS_DEBUG, n)
#define HY_X86_DR0 HY_X86_DEBUG(0)
#define HY_X86_DR1 HY_X86_DEBUG(1)
#define HY_X86_DR2 HY_X86_DEBUG(2)
#define HY_X86_DR3 HY_X86_DEBUG(3)
#define HY_X86_DR6 HY_X86_DEBUG(6)
#define HY_X86_DR7 HY_X86_DEBUG(7)

/* Model-specific registers by the number in ECX. */
#define HY_X86_MSR(index) HY_X86_REG(8, HY_X86_CLASS_MSR, index)

/* --- Segment attributes, hy_segment.attributes --------------------------- */

/*
 * Bits 8 to 23 of a descriptor's high half, moved down by 8 (SDM vol. 3,
 * section 3.4.5), and a bit of our own for "holds no segment".
 */
#define HY_X86_SEG_TYPE 0x000fu
#define HY_X86_SEG_S 0x0010u /* 1: code or data, 0: system */
#define HY_X86_SEG_DPL_SHIFT 5
#define HY_X86_SEG_DPL 0x0060u
#define HY_X86_SEG_P 0x0080u
#define HY_X86_SEG_UNUSABLE 0x0100u /* bit 16 of the access rights in SDM vol. 3, 25.4.1.
                                     * Hosts have one state for this and for a clear P bit:
                                     * either may come back with the other. */
#define HY_X86_SEG_AVL 0x1000u
#define HY_X86_SEG_L 0x2000u
#define HY_X86_SEG_DB 0x4000u
#define HY_X86_SEG_G 0x8000u

/* Types (SDM vol. 3, tables 3-1 and 3-2). */
#define HY_X86_TYPE_DATA_RW_ACCESSED 3u
#define HY_X86_TYPE_CODE_RX_ACCESSED 11u
#define HY_X86_TYPE_LDT 2u
#define HY_X86_TYPE_TSS_BUSY 11u

/* What programs set most: present, accessed, DPL 0. */
#define HY_X86_ATTR_DATA16 0x0093u
#define HY_X86_ATTR_CODE16 0x009bu
#define HY_X86_ATTR_DATA32 0xc093u /* limit 0xffffffff */
#define HY_X86_ATTR_CODE32 0xc09bu
#define HY_X86_ATTR_CODE64 0xa09bu

/* --- Bits of RFLAGS (SDM vol. 1, section 3.4.3) --------------------------- */

#define HY_X86_RFLAGS_CF 0x1u
#define HY_X86_RFLAGS_ONE 0x2u
#define HY_X86_RFLAGS_PF 0x4u
#define HY_X86_RFLAGS_AF 0x10u
#define HY_X86_RFLAGS_ZF 0x40u
#define HY_X86_RFLAGS_SF 0x80u
#define HY_X86_RFLAGS_TF 0x100u
#define HY_X86_RFLAGS_IF 0x200u
#define HY_X86_RFLAGS_DF 0x400u
#define HY_X86_RFLAGS_OF 0x800u
#define HY_X86_RFLAGS_RF 0x10000u
#define HY_X86_RFLAGS_VM 0x20000u

/* --- Bits of the control registers (SDM vol. 3, section 2.5) -------------- */

#define HY_X86_CR0_PE 0x1u
#define HY_X86_CR0_MP 0x2u
#define HY_X86_CR0_EM 0x4u
#define HY_X86_CR0_TS 0x8u
#define HY_X86_CR0_ET 0x10u
#define HY_X86_CR0_NE 0x20u
#define HY_X86_CR0_WP 0x10000u
#define HY_X86_CR0_AM 0x40000u
#define HY_X86_CR0_NW 0x20000000u
#define HY_X86_CR0_CD 0x40000000u
#define HY_X86_CR0_PG 0x80000000u
#define HY_X86_CR4_PSE 0x10u
#define HY_X86_CR4_PAE 0x20u
#define HY_X86_CR4_PGE 0x80u
#define HY_X86_CR4_OSFXSR 0x200u
#define HY_X86_CR4_OSXMMEXCPT 0x400u
#define HY_X86_CR4_LA57 0x1000u
#define HY_X86_CR4_OSXSAVE 0x40000u

/* EFER (SDM vol. 4, table 2-2, MSR C0000080H; APM vol. 2, section 3.1.7). */
#define HY_X86_EFER_SCE 0x1u
#define HY_X86_EFER_LME 0x100u
#define HY_X86_EFER_LMA 0x400u
#define HY_X86_EFER_NXE 0x800u

/* --- MSR numbers (SDM vol. 4, table 2-2) ----------------------------------- */

#define HY_X86_MSR_TSC 0x10u
#define HY_X86_MSR_SYSENTER_CS 0x174u
#define HY_X86_MSR_SYSENTER_ESP 0x175u
#define HY_X86_MSR_SYSENTER_EIP 0x176u
#define HY_X86_MSR_PAT 0x277u
#define HY_X86_MSR_EFER 0xc0000080u
#define HY_X86_MSR_STAR 0xc0000081u
#define HY_X86_MSR_LSTAR 0xc0000082u
#define HY_X86_MSR_CSTAR 0xc0000083u
#define HY_X86_MSR_FMASK 0xc0000084u
#define HY_X86_MSR_FS_BASE 0xc0000100u
#define HY_X86_MSR_GS_BASE 0xc0000101u
#define HY_X86_MSR_KERNEL_GS_BASE 0xc0000102u

/* --- CPUID ------------------------------------------------------------------ */

/* hy_x86_cpuid.flags */
#define HY_X86_CPUID_SUBLEAF 1u /* the answer depends on ECX; `subleaf` counts */

/* One line of a CPUID table: what the guest reads for a leaf (and subleaf). */
struct hy_x86_cpuid {
	uint32_t leaf;    /* EAX in */
	uint32_t subleaf; /* ECX in */
	uint32_t flags;
	uint32_t eax, ebx, ecx, edx;
};

/* A range of MSRs whose accesses are exits, hy_vm_options.x86_msr_exits. */
struct hy_x86_msr_range {
	uint32_t first;
	uint32_t count; /* 1 or more; first + count doesn't wrap */
	uint32_t read;  /* 1: RDMSR exits */
	uint32_t write; /* 1: WRMSR exits */
};

/* --- Functions for programs --------------------------------------------------- */

struct hy_host;
struct hy_vcpu;

/*
 * Gives the CPUID table that a VM gets by default: what this host can give a
 * guest, without the host's own paravirtual leaves.  `count` is the room in
 * `table` on entry and the number of lines on return; when the room is too
 * small the call fails with HY_E_LIMIT and `count` is what is needed, so a
 * first call with `table` NULL and `count` 0 asks for the size.
 *
 * Also returns HY_E_INVALID, HY_E_UNSUPPORTED (not an x86 host), HY_E_HOST.
 */
HY_API int hy_x86_host_cpuid(struct hy_host *host, struct hy_x86_cpuid *table, size_t *count);

/*
 * Reads or writes the x87, SSE, AVX... state as an XSAVE image in standard (not
 * compacted) form, SDM vol. 1, section 13.4.  `size` is the room at `image` on
 * entry and the image's size on return; too little room is HY_E_LIMIT, as above.
 * Writing takes an image of exactly the size that reading gives.
 *
 * Owner thread.  Returns HY_E_THREAD, HY_E_PENDING (an access is unfinished),
 * HY_E_UNSUPPORTED (HY_CAP_XSAVE), HY_E_INVALID (reserved bits set), HY_E_HOST.
 */
HY_API int hy_x86_get_xsave(struct hy_vcpu *vcpu, void *image, size_t *size);
HY_API int hy_x86_set_xsave(struct hy_vcpu *vcpu, const void *image, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* HY_X86_H */
