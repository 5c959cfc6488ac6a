/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

/* Counts in the dword at DATA for ever. */
GUEST(kick_spin)
	.code64
spin:
	incl	0x4000
	jmp	spin
END(kick_spin)

/* Asks a port and counts in RCX, for ever. */
GUEST(kick_ask)
	.code64
ask:
	in	$0x42, %al
	inc	%rcx
	jmp	ask
END(kick_ask)

/* Reads and writes device memory, and counts in RCX, for ever. */
GUEST(kick_mmio)
	.code64
	mov	$0x200000, %ebx
device:
	addb	$1, (%rbx)
	inc	%rcx
	jmp	device
END(kick_mmio)

/* Halts for ever. */
GUEST(kick_halt)
	.code64
halt:
	hlt
	jmp	halt
END(kick_halt)

/* Tells once and halts. */
GUEST(kick_tell)
	.code64
	in	$0x42, %al
	out	%al, $0x43
	hlt
END(kick_tell)

/* Reads a dword across a page border: two accesses of one instruction. */
GUEST(kick_two_reads)
	.code64
	mov	$0x200ffd, %ebx
	mov	(%rbx), %eax
	mov	%eax, 0x4000
	hlt
END(kick_two_reads)
