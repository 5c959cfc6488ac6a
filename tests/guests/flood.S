/* SPDX-License-Identifier: MIT */
/* Sends bytes on COM1 for ever. */
	.code16
	.globl	_start
_start:
	mov	$0x3f8, %dx
	mov	$0x78, %al
next:
	out	%al, %dx
	jmp	next
