/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

GUEST(strings_outs)
	.code64
	outsb
	outsw
	outsl
	hlt
END(strings_outs)

GUEST(strings_ins)
	.code64
	insb
	insw
	insl
	hlt
END(strings_ins)

GUEST(strings_rep_outs)
	.code64
	rep outsb
	hlt
END(strings_rep_outs)

GUEST(strings_rep_outsw)
	.code64
	rep outsw
	hlt
END(strings_rep_outsw)

GUEST(strings_rep_outsl)
	.code64
	rep outsl
	hlt
END(strings_rep_outsl)

GUEST(strings_rep_ins)
	.code64
	rep insb
	hlt
END(strings_rep_ins)

GUEST(strings_rep_insw)
	.code64
	rep insw
	hlt
END(strings_rep_insw)

GUEST(strings_rep_insl)
	.code64
	rep insl
	hlt
END(strings_rep_insl)

/* 16-bit code: SI, DI and CX. */
GUEST(strings_real)
	.code16
	rep outsb
	mov	%bx, %cx
	rep insb
	hlt
END(strings_real)

GUEST(strings_protected)
	.code32
	rep outsb
	mov	%ebx, %ecx
	rep insb
	hlt
END(strings_protected)

/* ESI, EDI and ECX in 64-bit code. */
GUEST(strings_address32)
	.code64
	addr32 rep outsb
	mov	%rbx, %rcx
	addr32 rep insb
	hlt
END(strings_address32)

GUEST(strings_segments)
	.code32
	fs rep outsb
	mov	%ebx, %ecx
	fs rep insb			/* to ES all the same */
	hlt
END(strings_segments)

GUEST(strings_mixed)
	.code64
	out	%al, %dx
	outsb
	in	%dx, %al
	insb
	out	%al, %dx
	hlt
END(strings_mixed)

/* A handler of #PF that stops, with the stack as it found it. */
GUEST(strings_stop)
	.code64
	hlt
END(strings_stop)

/* One that makes the page present, whose entry is at RBX, and tries again. */
GUEST(strings_mend)
	.code64
	orl	$1, (%rbx)
	add	$8, %rsp		/* the error code */
	iretq
END(strings_mend)
