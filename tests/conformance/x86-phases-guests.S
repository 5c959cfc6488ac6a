/* SPDX-License-Identifier: MIT */
/* RBX points to MMIO. */
#include "guest.S.h"

GUEST(phases_out)
	.code64
	out	%al, $0x42
	hlt
END(phases_out)

GUEST(phases_in)
	.code64
	in	$0x42, %al
	hlt
END(phases_in)

GUEST(phases_outs)
	.code64
	outsb
	hlt
END(phases_outs)

GUEST(phases_ins)
	.code64
	insb
	hlt
END(phases_ins)

GUEST(phases_rep_outs)
	.code64
	rep outsb
	hlt
END(phases_rep_outs)

GUEST(phases_rep_ins)
	.code64
	rep insw
	hlt
END(phases_rep_ins)

GUEST(phases_load)
	.code64
	mov	(%rbx), %eax
	hlt
END(phases_load)

GUEST(phases_store)
	.code64
	mov	%eax, (%rbx)
	hlt
END(phases_store)

GUEST(phases_add)
	.code64
	add	%eax, (%rbx)
	hlt
END(phases_add)

GUEST(phases_rep_movs)
	.code64
	rep movsl
	hlt
END(phases_rep_movs)

GUEST(phases_rdmsr)
	.code64
	rdmsr
	hlt
END(phases_rdmsr)

GUEST(phases_wrmsr)
	.code64
	wrmsr
	hlt
END(phases_wrmsr)

GUEST(phases_rdmsr_twice)
	.code64
	rdmsr
	rdmsr
	hlt
END(phases_rdmsr_twice)

GUEST(phases_wrmsr_rdmsr)
	.code64
	wrmsr
	xor	%eax, %eax
	rdmsr
	hlt
END(phases_wrmsr_rdmsr)

/* A handler of #GP that tells and goes on behind an instruction of two bytes. */
GUEST(phases_skip)
	.code64
	pop	%rax			/* the error code */
	out	%eax, $0x44
	mov	(%rsp), %rax
	out	%eax, $0x45
	addq	$2, (%rsp)
	iretq
END(phases_skip)
