/* SPDX-License-Identifier: MIT */
/* Reads and writes at 0xf0000; run with less memory than that. */
	.code16
	.globl	_start
_start:
	mov	$0xf000, %ax
	mov	%ax, %ds
	mov	0x0, %al
	movw	$0x4142, 0x10
	cli
	hlt
