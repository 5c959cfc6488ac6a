/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

GUEST(registers_halt)
	.code64
	hlt
END(registers_halt)

/* Stores every general register but the stack pointer at DATA, in the order of their numbers. */
GUEST(registers_store)
	.code64
	mov	%rax, 0x4000
	mov	%rcx, 0x4008
	mov	%rdx, 0x4010
	mov	%rbx, 0x4018
	mov	%rsp, 0x4020
	mov	%rbp, 0x4028
	mov	%rsi, 0x4030
	mov	%rdi, 0x4038
	mov	%r8, 0x4040
	mov	%r9, 0x4048
	mov	%r10, 0x4050
	mov	%r11, 0x4058
	mov	%r12, 0x4060
	mov	%r13, 0x4068
	mov	%r14, 0x4070
	mov	%r15, 0x4078
	hlt
END(registers_store)

/* Loads them from there. */
GUEST(registers_load)
	.code64
	mov	0x4000, %rax
	mov	0x4008, %rcx
	mov	0x4010, %rdx
	mov	0x4018, %rbx
	mov	0x4020, %rsp
	mov	0x4028, %rbp
	mov	0x4030, %rsi
	mov	0x4038, %rdi
	mov	0x4040, %r8
	mov	0x4048, %r9
	mov	0x4050, %r10
	mov	0x4058, %r11
	mov	0x4060, %r12
	mov	0x4068, %r13
	mov	0x4070, %r14
	mov	0x4078, %r15
	hlt
END(registers_load)

/* Puts the flags that it was started with at DATA and takes those at DATA + 8. */
GUEST(registers_flags)
	.code64
	pushfq
	pop	%rax
	mov	%rax, 0x4000
	push	0x4008
	popfq
	hlt
END(registers_flags)

/* Stores CR0, CR2, CR3, CR4 at DATA; then sets CR2, and CR3 to itself. */
GUEST(registers_control)
	.code64
	mov	%cr0, %rax
	mov	%rax, 0x4000
	mov	%cr2, %rax
	mov	%rax, 0x4008
	mov	%cr3, %rax
	mov	%rax, 0x4010
	mov	%cr4, %rax
	mov	%rax, 0x4018
	mov	$0x12345678, %eax
	mov	%rax, %cr2
	mov	%cr3, %rax
	mov	%rax, %cr3
	mov	%cr4, %rax
	or	$0x10, %rax
	mov	%rax, %cr4
	hlt
END(registers_control)

/* Other page tables, whose address is at DATA. */
GUEST(registers_new_cr3)
	.code64
	mov	0x4000, %rax
	mov	%rax, %cr3
	hlt
END(registers_new_cr3)

/* Stores the tables' registers at DATA and DATA + 16; loads those at DATA + 32 and 48. */
GUEST(registers_tables)
	.code64
	sgdt	0x4000
	sidt	0x4010
	lgdt	0x4020
	lidt	0x4030
	hlt
END(registers_tables)

/* Stores the selectors at DATA; then loads DS from the GDT. */
GUEST(registers_selectors)
	.code64
	mov	%es, 0x4000
	mov	%cs, 0x4002
	mov	%ss, 0x4004
	mov	%ds, 0x4006
	mov	%fs, 0x4008
	mov	%gs, 0x400a
	mov	$0x20, %eax
	mov	%eax, %ds
	hlt
END(registers_selectors)

/* Reads through the bases of FS and GS. */
GUEST(registers_bases)
	.code64
	mov	%fs:0x10, %eax
	out	%eax, $0x42
	mov	%gs:0x10, %eax
	out	%eax, $0x42
	hlt
END(registers_bases)

/* Reads the MSR in ECX to DATA, and writes it from DATA + 8. */
GUEST(registers_msr)
	.code64
	rdmsr
	mov	%eax, 0x4000
	mov	%edx, 0x4004
	mov	0x4008, %eax
	mov	0x400c, %edx
	wrmsr
	hlt
END(registers_msr)

/* Asks CPUID for the leaf in EAX and subleaf in ECX; the answers to DATA. */
GUEST(registers_cpuid)
	.code64
	cpuid
	mov	%eax, 0x4000
	mov	%ebx, 0x4004
	mov	%ecx, 0x4008
	mov	%edx, 0x400c
	hlt
END(registers_cpuid)

/* Saves the FPU and SSE state at DATA, and takes that at DATA + 0x400. */
GUEST(registers_fpu)
	.code64
	fxsave	0x4000
	fxrstor	0x4400
	hlt
END(registers_fpu)

/* Stores DR0 to DR3 at DATA, then sets DR1. */
GUEST(registers_debug)
	.code64
	mov	%dr0, %rax
	mov	%rax, 0x4000
	mov	%dr1, %rax
	mov	%rax, 0x4008
	mov	%dr2, %rax
	mov	%rax, 0x4010
	mov	%dr3, %rax
	mov	%rax, 0x4018
	mov	$0x1234, %eax
	mov	%rax, %dr1
	hlt
END(registers_debug)
