/* SPDX-License-Identifier: MIT */
/* Writes to port 0x80, where nobody is, again and again. */
	.code16
	.globl	_start
_start:
	out	%al, $0x80
	jmp	_start
