/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

/* The same bytes in every mode. */
GUEST(halt_goes_on)
	.code32
	hlt
	out	%al, $0x42
	hlt
END(halt_goes_on)

GUEST(halt_often)
	.code64
	.rept	100
	hlt
	.endr
END(halt_often)

/* In the shadow of STI, and after CLI. */
GUEST(halt_sti)
	.code64
	sti
	hlt
	cli
	hlt
END(halt_sti)

GUEST(halt_loop)
	.code64
1:	inc	%eax
	hlt
	jmp	1b
END(halt_loop)

/* A segment beyond the descriptors: #GP. */
GUEST(halt_bad_segment)
	.code32
	mov	$0xfff8, %eax
	mov	%eax, %ds
	hlt
END(halt_bad_segment)

GUEST(halt_bad_segment64)
	.code64
	mov	$0xfff8, %eax
	mov	%eax, %ds
	hlt
END(halt_bad_segment64)
